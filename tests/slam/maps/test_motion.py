"""Motions of a map: between frames, what is worth moving, and where blocks come to lie."""

import numpy as np
import pytest

from slam.errors import SlamError
from slam.geometry import se3_exp, se3_log
from slam.maps.motion import Motion
from slam.maps.moved_blocks import grouped, in_voxels, inverse_rows, is_moved, reached

VOXEL_M = 0.02


def along_x(*distances_m: float) -> np.ndarray:
    Ts = np.tile(np.eye(4), (len(distances_m), 1, 1))
    Ts[:, 0, 3] = distances_m
    return Ts


def test_motions_are_in_between_at_constant_speed():
    twist = np.array([0.3, -0.1, 0.2, 0.1, 0.4, -0.2])
    motion = Motion.of(np.array([30, 10]), np.array([se3_exp(twist), np.eye(4)]))
    frames = np.array([0, 10, 15, 30, 99, np.nan], np.float32)
    for T, share in zip(motion.at(frames), (0.0, 0.0, 0.25, 1.0, 1.0, 0.0), strict=True):
        np.testing.assert_allclose(T, se3_exp(share * twist), atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e-3, 1.0])
def test_many_frames_move_as_each_would(scale: float):
    random = np.random.default_rng(1)
    twists = random.normal(size=(5, 6)) * scale
    Ts = np.array([se3_exp(twist) for twist in twists])
    motion = Motion.of(np.arange(0, 50, 10), Ts)
    for frame in range(41):
        low = min(frame // 10, 3)
        step = se3_log(np.linalg.inv(Ts[low]) @ Ts[low + 1])
        expected = Ts[low] @ se3_exp((frame / 10 - low) * step)
        np.testing.assert_allclose(motion.at(np.array([frame], np.float32))[0], expected, atol=1e-8)


def test_nothing_is_in_between_two_pieces():
    """The second is built far away and brought to the first; it begins at frame 30."""
    motion = Motion.of(np.array([0, 20, 30]), along_x(0.0, 0.0, -200.0))
    frames = np.array([20, 29, 30, 31], np.float32)
    np.testing.assert_array_equal(motion.at(frames)[:, 0, 3], [0.0, 0.0, -200.0, -200.0])


def test_a_motion_after_another_is_their_product():
    random = np.random.default_rng(0)
    frames = np.array([0, 5, 9])
    first, second = (
        Motion.of(frames, np.array([se3_exp(random.normal(size=6)) for _ in frames]))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.after(Motion.none()).Ts_new_old, first.Ts_new_old)
    both = second.after(first)
    np.testing.assert_allclose(both.Ts_new_old, second.Ts_new_old @ first.Ts_new_old)


@pytest.mark.parametrize("Ts", [np.full((1, 4, 4), np.nan), np.zeros((0, 4, 4))])
def test_no_motion_at_all_is_refused(Ts):
    with pytest.raises(SlamError, match="cannot move a map"):
        Motion.of(np.arange(len(Ts)), Ts)


@pytest.mark.parametrize(
    ("voxels", "share"),
    [(0.0, 0.0), (0.4, 0.0), (0.5, 0.0), (0.75, 2 / 3), (1.0, 1.0), (30.0, 1.0)],
)
def test_what_moves_by_less_than_half_a_voxel_stays(voxels: float, share: float):
    whole = Motion.of(np.array([0, 10]), along_x(voxels * VOXEL_M, voxels * VOXEL_M))
    applied, rest = whole.split(
        np.array([0, 4, 10], np.float32), np.ones((3, 3), np.float32), VOXEL_M
    )
    np.testing.assert_allclose(applied.Ts_new_old[:, 0, 3], share * voxels * VOXEL_M, atol=1e-12)
    assert is_moved(applied.Ts_new_old).all() == (share > 0)
    np.testing.assert_allclose(rest.after(applied).Ts_new_old, whole.Ts_new_old, atol=1e-12)


def test_small_motions_add_up():
    step = Motion.of(np.array([0]), along_x(0.4 * VOXEL_M))
    frames, centers = np.zeros(1, np.float32), np.ones((1, 3), np.float32)
    moved_m, rest = 0.0, Motion.none()
    for _ in range(10):
        applied, rest = step.after(rest).split(frames, centers, VOXEL_M)
        moved_m += applied.Ts_new_old[0, 0, 3]
        assert abs(rest.Ts_new_old[0, 0, 3]) <= 0.5 * VOXEL_M + 1e-12
    assert moved_m + rest.Ts_new_old[0, 0, 3] == pytest.approx(4.0 * VOXEL_M)


def test_frames_without_blocks_move_as_the_nearest_with_some():
    """Blocks may come while a correction is on its way."""
    whole = Motion.of(np.array([0, 10, 20]), along_x(0.1 * VOXEL_M, VOXEL_M, VOXEL_M))
    applied, _ = whole.split(np.array([0, 10], np.float32), np.ones((2, 3), np.float32), VOXEL_M)
    np.testing.assert_allclose(applied.Ts_new_old[:, 0, 3], [0.0, VOXEL_M, VOXEL_M])


def test_a_far_block_moves_by_a_small_turn():
    whole = Motion.of(np.array([0]), se3_exp(np.array([0, 0, 0, 0, 0, 0.01]))[None])
    for distance_m, moves in ((0.1, False), (10.0, True)):
        applied, _ = whole.split(
            np.zeros(1, np.float32), np.array([[distance_m, 0.0, 0.0]], np.float32), VOXEL_M
        )
        assert is_moved(applied.Ts_new_old).all() == moves


@pytest.mark.parametrize("seed", range(10))
def test_all_blocks_that_an_old_one_reaches_are_found(seed: int):
    random = np.random.default_rng(seed)
    T = se3_exp(random.normal(size=6) * [0.4, 0.4, 0.4, 0.3, 0.3, 0.3])
    coords = random.integers(-5, 5, (1, 3)).astype(np.int32)
    T = in_voxels(T[None], VOXEL_M)
    reach = grouped(reached(coords, T, first_slot=7))
    assert set(reach.sources.tolist()) == set(reach.nearest.tolist()) == {7}

    T_old_new = inverse_rows(T)[0]
    middle = T[0, :3, :3] @ (8 * coords[0] + 4) + T[0, :3, 3]
    voxels = np.stack(np.unravel_index(np.arange(56**3), (56,) * 3), -1)
    voxels = voxels + 8 * (np.floor(middle / 8).astype(int) - 3)
    old = voxels @ T_old_new[:, :3].T + T_old_new[:, 3] - 8 * coords[0]
    is_held = ((old >= 0) & (old < 8)).all(axis=1)
    wanted = set(map(tuple, (voxels[is_held] >> 3).tolist()))
    found = set(map(tuple, reach.coords.tolist()))
    assert wanted <= found
    assert len(found) <= 27


def test_blocks_that_meet_in_one_share_it():
    coords = np.array([[0, 0, 0], [4, 0, 0], [9, 9, 9]], np.int32)
    Ts = np.tile(np.eye(4), (3, 1, 1))
    Ts[1, 0, 3] = -32.0  # onto the first
    reach = grouped(reached(coords, Ts))
    assert reach.coords.tolist() == [[0, 0, 0], [9, 9, 9]]
    assert reach.starts.tolist() == [0, 2, 3]
    assert sorted(reach.sources[:2].tolist()) == [0, 1]
    assert reach.sources[2] == 2


def test_nothing_reaches_nothing():
    reach = grouped(reached(np.zeros((0, 3), np.int32), np.zeros((0, 4, 4))))
    assert [len(array) for array in reach] == [0, 1, 0, 0]
