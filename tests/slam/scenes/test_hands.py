"""Hands: how fast, how jerky, and the same for a seed."""

import itertools

import numpy as np
import pytest

from slam.geometry import rotation_angle_rad
from slam.scenes import desk, room
from slam.scenes.hands import HANDS


def turns_deg(Ts):
    return np.rad2deg(
        [rotation_angle_rad(a[:3, :3].T @ b[:3, :3]) for a, b in itertools.pairwise(Ts)]
    )


@pytest.mark.parametrize("scene", [desk, room])
@pytest.mark.parametrize("seed", range(3))
def test_fast_is_faster_than_handheld(scene, seed):
    slow, fast = (scene.walk().poses(900, HANDS[name], seed) for name in ("handheld", "fast"))
    assert turns_deg(fast).mean() > 1.3 * turns_deg(slow).mean()
    assert np.percentile(turns_deg(fast), 99) > 1.5  # 45 deg/s
    assert turns_deg(fast).max() < 7.0
    for Ts in (slow, fast):
        acceleration_m_s2 = np.diff(Ts[:, :3, 3], 2, axis=0) * 900
        assert np.linalg.norm(acceleration_m_s2, axis=1).max() < 20.0


@pytest.mark.parametrize("name", HANDS)
def test_a_shorter_recording_is_the_start_of_a_longer_one(name):
    walk = desk.walk()
    long, short = walk.poses(200, HANDS[name], 4), walk.poses(50, HANDS[name], 4)
    np.testing.assert_allclose(long[:50], short, atol=1e-12)


def test_seeds_differ_except_when_smooth():
    walk = desk.walk()
    for name in HANDS:
        is_same = np.allclose(walk.poses(60, HANDS[name], 0), walk.poses(60, HANDS[name], 1))
        assert is_same == (name == "smooth")


def test_hands_keep_clear_of_the_desk():
    scene, walk = desk.scene(), desk.walk()
    for seed in range(10):
        positions_m = walk.poses(1800, HANDS["fast"], seed)[:, :3, 3].astype(np.float32)
        assert scene.sdf(positions_m).min() > 0.3
