"""Whether colour is late: frames of a rendered room whose colour is of another frame, and whole
runs with such colour.
"""

import dataclasses
import logging
import re
from functools import cache

import numpy as np
import pytest

from slam import Slam, load_config
from slam.geometry import inverse
from slam.scenes import room
from slam.sources.synthetic import CAMERA, SyntheticSource
from slam.tracking.base import TrackState
from slam.tracking.color_delay import ColorDelay
from slam.tracking.prepare import prepare

FIRST, NUM_FRAMES, MARGIN = 40, 30, 6


@cache
def walk(seed):
    """Return the frames of a piece of a walk at 30 Hz, and the true poses; MARGIN more at each
    end.
    """
    config = load_config([], {"synthetic.motion": "handheld", "synthetic.seed": str(seed)})
    source = SyntheticSource(room.scene(), room.walk(), 120, config=config.synthetic)
    source.camera = CAMERA.scaled(0.5)
    indices = range(FIRST - MARGIN, FIRST + NUM_FRAMES + MARGIN)
    return [source.read(i) for i in indices], source.ground_truth().Ts_world_camera[indices]


def delayed(seed, num_late, stride=1):
    """Return frames whose colour is that of some frames before, and their true poses."""
    frames, Ts = walk(seed)
    used = range(MARGIN, MARGIN + NUM_FRAMES, stride)
    return [dataclasses.replace(frames[i], color=frames[i - num_late].color) for i in used], Ts[
        used
    ]


def looked_at(frames, Ts) -> ColorDelay:
    delay = ColorDelay()
    for frame, T in zip(frames, Ts, strict=True):
        delay.observe(prepare(frame), T)
    return delay


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("num_late", [-5, -3, -2, 2, 3, 6])
def test_a_delay_is_found_in_a_second_and_said_once(caplog, num_late, seed):
    with caplog.at_level(logging.WARNING):
        assert looked_at(*delayed(seed, num_late)).is_late
    assert len(caplog.records) == 1
    order = "older" if num_late > 0 else "newer"
    found_ms = float(re.search(rf"about (\d+) ms {order}", caplog.text)[1])
    assert abs(found_ms - 1e3 * abs(num_late) / 30) < 40.0  # a frame


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("num_late", [-1, 0, 1])
def test_common_delays_are_none(num_late, seed):
    assert not looked_at(*delayed(seed, num_late)).is_late


@pytest.mark.parametrize("stride", [2, 3])
def test_a_delay_is_found_at_few_frames_a_second(stride):
    assert looked_at(*delayed(0, 3, stride)).is_late
    assert not looked_at(*delayed(0, 0, stride)).is_late


def test_that_there_is_no_delay_is_decided():
    delay = looked_at(*delayed(0, 0))
    assert delay.is_decided
    assert not delay.is_late


def test_a_camera_at_rest_tells_nothing():
    frames, Ts = delayed(0, 3)
    still = [dataclasses.replace(frames[0], timestamp_s=n / 30) for n in range(NUM_FRAMES)]
    assert not looked_at(still, [Ts[0]] * NUM_FRAMES).is_decided


def test_without_colour_nothing_is_late():
    frames, Ts = delayed(0, 3)
    delay = looked_at([dataclasses.replace(frame, color=None) for frame in frames], Ts)
    assert not delay.is_decided


@pytest.mark.parametrize(("num_late", "stride"), [(3, 1), (-3, 1), (6, 1), (3, 3), (-3, 3)])
def test_late_colour_does_not_move_the_camera(num_late, stride):
    """Of one second. Before, poses were up to 7 cm off at 10 Hz, and OK."""
    frames, Ts = delayed(1, num_late, stride)
    config = load_config([], {"deterministic": "true"})
    with Slam.from_config(config, frames[0].depth_noise, "cpu") as slam:
        for frame, T in zip(frames, Ts, strict=True):
            result = slam.step(frame)
            assert result.state is TrackState.OK
            assert result.moving is None
            T_true = inverse(Ts[0]) @ T
            assert np.linalg.norm((inverse(T_true) @ result.T_world_camera)[:3, 3]) < 0.002
