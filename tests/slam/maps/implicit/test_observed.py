"""What counts as observed."""

from dataclasses import replace

import numpy as np
import pytest

from slam.maps.implicit import observed as module
from slam.maps.implicit.observed import Observed
from slam.maps.readings import surface_readings


def touch(observed, frame, T, number=0) -> bool:
    return observed.touch(frame, surface_readings(frame), T, 0.1, number)


def on_wall(offset_m=0.0) -> np.ndarray:
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (1000, 3)).astype(np.float32)
    points[:, 1] = -offset_m
    return points


def test_the_band_of_readings_is_observed_and_no_more(see):
    observed = Observed(8)
    assert touch(observed, *see())
    for offset_m in (-0.09, 0.0, 0.09):
        assert (observed.find(on_wall(offset_m)) >= 0).all()
    for offset_m in (-0.3, 0.3, 1.0):
        assert (observed.find(on_wall(offset_m)) < 0).all()


@pytest.mark.parametrize("first_capacity", [8, 4096])
def test_growth_leaves_no_trace(see, monkeypatch, first_capacity):
    monkeypatch.setattr(module, "FIRST_CAPACITY", first_capacity)
    observed = Observed(8)
    for number in range(3):
        assert touch(observed, *see(index=number), number=number)
    slots = observed.find(on_wall())
    assert (slots >= 0).all()
    assert (observed.num_frames[slots] == 3).all()
    assert observed.has_color[slots].all()


def test_the_budget_bounds_it(see, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 1_000)  # a megabyte is 1,000 blocks
    observed = Observed(1)
    assert not touch(observed, *see())
    assert observed.count == 1000
    assert 0.0 < (observed.find(on_wall()) >= 0).mean() < 1.0


def test_colour_is_known_where_a_frame_had_it(see):
    frame, T = see()
    mask = np.zeros(frame.depth_m.shape, bool)
    mask[:, : mask.shape[1] // 2] = True
    observed = Observed(8)
    touch(observed, see(has_color=False)[0], T, number=0)
    assert not observed.has_color.any()
    touch(observed, replace(frame, color_mask=mask), T, number=1)
    points = on_wall()
    colored = observed.has_color[observed.find(points)]
    left = points[:, 0] < -0.1
    right = points[:, 0] > 0.1
    assert colored[left].all()
    assert not colored[right].any()
