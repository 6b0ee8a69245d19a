"""What scatter of the readings counts as usual, on residuals made up; and what it is good for."""

import numpy as np
import pytest

from slam import Config, Slam
from slam.camera import DepthNoise
from slam.geometry import inverse
from slam.scenes import moving
from slam.scenes.scene import Builder, Scene
from slam.sources.synthetic import SyntheticSource
from slam.tracking.base import TrackState
from slam.tracking.scatter import LEAST, MEMORY, MIN_FRAMES, UsualScatter

NOISE = DepthNoise.rendered()
FIRST, LAST, BEGIN_S = 64, 87, 2.6  # frames of the walk, and when the box begins to move


def after(residuals) -> UsualScatter:
    scatter = UsualScatter()
    for residual in residuals:
        scatter.observe(NOISE, residual)
    return scatter


def test_readings_are_as_bad_as_stated_until_something_is_known():
    assert after([]).of(NOISE) == 1.0
    assert after([0.5] * (MIN_FRAMES - 1)).of(NOISE) == 1.0
    assert after([0.5] * MIN_FRAMES).of(NOISE) == 0.5


@pytest.mark.parametrize(("residual", "usual"), [(0.01, LEAST), (0.6, 0.6), (1.0, 1.0), (3.0, 1.0)])
def test_it_is_never_worse_than_stated_nor_much_better(residual, usual):
    assert after([residual] * MEMORY).of(NOISE) == pytest.approx(usual)


@pytest.mark.parametrize("seed", range(3))
def test_what_happens_for_a_second_changes_nothing(seed):
    usual = np.random.default_rng(seed).uniform(0.38, 0.42, MEMORY)
    assert after([*usual, *[3.0] * 30]).of(NOISE) < 0.42


def test_of_another_noise_nothing_is_known():
    scatter = after([0.5] * MEMORY)
    other = DepthNoise(0.002, 0.0, 0.001)
    assert scatter.of(other) == 1.0
    for _ in range(MIN_FRAMES):
        scatter.observe(other, 0.7)
    assert scatter.of(other) == 0.7
    assert scatter.of(NOISE) == 1.0


def test_a_frame_far_from_the_map_is_unusual_until_it_is_borne_out():
    scatter = after([1.0] * MEMORY)
    assert not scatter.is_unusual(NOISE, 1.2)
    assert scatter.is_unusual(NOISE, 1.4)
    scatter.bear_out(1.4)
    scatter.observe(NOISE, 1.4)
    assert not scatter.is_unusual(NOISE, 1.5)
    assert scatter.is_unusual(NOISE, 1.9)
    scatter.observe(NOISE, 1.0)
    assert scatter.is_unusual(NOISE, 1.4)
    assert not UsualScatter().is_unusual(NOISE, 9.0)


@pytest.mark.parametrize("speed", [-0.3, 0.3])
def test_what_begins_to_move_does_not_take_the_camera_along(speed):
    """Even if it is a quarter of the view, near, and slower than its noise at first."""

    def mover(time_s: float) -> Scene:
        since_s = np.maximum(time_s + np.linspace(-0.2, 0.2, 21) - BEGIN_S, 0.0).mean()
        b = Builder()
        b.box(2.9, 1.2 + speed * since_s, 0.0, moving.SIZE_M, moving.COVER, moving.YAW_DEG)
        return b.build("mover")

    source = SyntheticSource(moving.scene(), moving.walk(), LAST, mover)
    Ts_true = source.ground_truth().Ts_world_camera
    with Slam.from_config(Config(deterministic=True), source.depth_noise, "cpu") as slam:
        for index in range(FIRST, LAST):
            result = slam.step(source.read(index))
            # without the box, what is left of the view may leave the pose open for a few frames
            assert result.state is TrackState.OK or result.is_open, result.reason
            T_error = inverse(inverse(Ts_true[FIRST]) @ Ts_true[index]) @ result.T_world_camera
            assert np.linalg.norm(T_error[:3, 3]) < 0.01
