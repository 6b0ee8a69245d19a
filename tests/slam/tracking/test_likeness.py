"""What likeness counts as usual, on shares made up; and what it is good for."""

import numpy as np
import pytest

from slam import Slam, load_config, open_source
from slam.geometry import inverse
from slam.tracking.base import TrackState
from slam.tracking.likeness import LEAST_DROP, MEMORY, UsualLikeness


def after(shares) -> UsualLikeness:
    likeness = UsualLikeness()
    for share in shares:
        likeness.observe(share)
    return likeness


def test_anything_is_usual_until_something_is_known():
    assert after([]).is_usual(0.01)
    assert after([None, None]).is_usual(0.01)


def test_without_colour_nothing_is_unusual():
    assert after([0.9] * MEMORY).is_usual(None)


@pytest.mark.parametrize("usual", [0.4, 0.95])
def test_a_share_that_drops_is_unusual(usual):
    likeness = after([usual])
    assert likeness.is_usual(usual - 0.9 * LEAST_DROP)
    assert not likeness.is_usual(usual - 1.1 * LEAST_DROP)


@pytest.mark.parametrize("seed", range(3))
def test_where_shares_vary_a_drop_means_less(seed):
    shares = np.random.default_rng(seed).normal(0.7, 0.1, MEMORY)
    assert after(shares).is_usual(0.55)
    assert not after(shares).is_usual(0.2)


def test_blur_that_stays_becomes_usual():
    assert after([0.9] * MEMORY + [0.5] * (MEMORY // 2 + 1)).is_usual(0.45)


def test_what_a_second_look_bore_out_is_no_longer_doubted():
    likeness = after([0.9] * MEMORY)
    likeness.bear_out(0.5)
    assert likeness.is_usual(0.5 - 0.9 * LEAST_DROP)
    assert not likeness.is_usual(0.5 - 1.1 * LEAST_DROP)
    likeness.observe(0.5)
    assert likeness.is_usual(0.5)


def test_once_views_look_as_usual_again_a_drop_is_doubted_again():
    likeness = after([0.9] * MEMORY)
    likeness.bear_out(0.5)
    likeness.observe(0.9)
    assert not likeness.is_usual(0.5)


@pytest.mark.parametrize(
    ("scene", "seed", "start", "stride", "num_frames"),
    [("desk", 51, 261, 3, 12), ("ring", 43, 251, 2, 6)],
)
def test_a_pose_a_few_pixels_beside_is_not_taken(scene, seed, start, stride, num_frames):
    """At 10 to 15 Hz: without a second look these were 9 and 7 cm off, and OK."""
    settings = {
        "deterministic": "true", "synthetic.motion": "fast", "synthetic.seed": str(seed),
        "synthetic.frames": "600",
    }  # fmt: skip
    config = load_config([], settings)
    source = open_source(f"synthetic:{scene}", config)
    truth = source.ground_truth()
    assert truth is not None
    T_start_world = inverse(truth.Ts_world_camera[start])
    with Slam.from_config(config, source.depth_noise, "cpu") as slam:
        for index in range(start, start + stride * num_frames, stride):
            result = slam.step(source.read(index))
            assert result.state is TrackState.OK
            T_true = T_start_world @ truth.Ts_world_camera[index]
            assert np.linalg.norm((inverse(T_true) @ result.T_world_camera)[:3, 3]) < 0.01
