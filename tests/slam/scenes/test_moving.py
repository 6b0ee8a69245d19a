"""Laws of the mover: the rest of the room is untouched, and it is where its way says."""

import numpy as np
import pytest

from slam.geometry import transform_points
from slam.scenes import moving
from slam.sources.synthetic import SyntheticSource, open_synthetic

FRAMES = (0, 40, 105, 165, 240, 270)  # it goes, stands, goes, leaves, comes back, goes


@pytest.fixture(scope="module")
def source() -> SyntheticSource:
    return open_synthetic("moving")


@pytest.mark.parametrize("index", FRAMES)
def test_what_stays_is_the_room(source: SyntheticSource, index: int) -> None:
    mask = source.mover_mask(index)
    frame, empty = source.read(index), open_synthetic("room").read(index)
    assert frame.color is not None
    assert empty.color is not None
    np.testing.assert_array_equal(frame.depth_m[~mask], empty.depth_m[~mask])
    np.testing.assert_array_equal(frame.color[~mask], empty.color[~mask])
    assert (frame.depth_m[mask] < empty.depth_m[mask]).all()
    assert mask.any()


@pytest.mark.parametrize("index", FRAMES)
def test_masked_pixels_lie_on_the_mover_and_no_others(source: SyntheticSource, index: int) -> None:
    camera, depth_m = source.camera, source.read(index).depth_m
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    x, y = (u - camera.cx) / camera.fx * depth_m, (v - camera.cy) / camera.fy * depth_m
    points = np.stack([x, y, depth_m.astype(np.float64)], axis=-1).reshape(-1, 3)
    world = transform_points(source.ground_truth().Ts_world_camera[index], points)
    mover = moving.mover(float(source.timestamps_s[index]))
    sdf_m = np.abs(mover.sdf(world.astype(np.float32))).reshape(depth_m.shape)
    mask = source.mover_mask(index)
    assert sdf_m[mask].max() < 1e-4
    # where it meets the floor, a pixel of the floor is on it too
    assert ((sdf_m < 1e-4) & ~mask).sum() < 20


def test_it_walks_and_stands() -> None:
    step_s = 0.01
    places_m = np.array([moving.position_m(t) for t in np.arange(0.0, 10.0, step_s)])
    speed_m_s = np.linalg.norm(np.diff(places_m, axis=0), axis=1) / step_s
    assert speed_m_s.max() < 0.8
    assert (speed_m_s > 0.5).mean() > 0.6
    is_standing = speed_m_s < 1e-6
    ends = np.flatnonzero(np.diff(np.concatenate([[False], is_standing, [False]]).astype(int)))
    stands_s = (ends[1::2] - ends[::2]) * step_s
    assert len(stands_s) == 2
    assert stands_s.sum() == pytest.approx(1.9, abs=0.1)


def test_it_is_seen_in_most_frames_but_not_in_all(source: SyntheticSource) -> None:
    shares = np.array([source.mover_mask(k).mean() for k in range(0, 300, 10)])
    assert 0.6 < (shares > 0.02).mean() < 0.95
    assert 0.2 < shares.max() < 0.4


def test_it_touches_neither_camera_nor_furniture(source: SyntheticSource) -> None:
    positions_m = source.ground_truth().positions_m.astype(np.float32)
    yaw = np.deg2rad(moving.YAW_DEG)
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    half_m = np.array(moving.SIZE_M[:2]) / 2
    sides = [(a, s) for a in np.linspace(-1, 1, 11) for s in (-1, 1)]
    rim_m = np.array([*sides, *((s, a) for a, s in sides)]) * half_m @ turn
    for index in range(0, 300, 5):
        time_s = float(source.timestamps_s[index])
        assert moving.mover(time_s).sdf(positions_m[index : index + 1])[0] > 0.35
        for height_m in (0.1, 0.3, 0.5, 0.8, 1.2):
            rim = np.column_stack([rim_m + moving.position_m(time_s), np.full(44, height_m)])
            assert source.scene.sdf(rim.astype(np.float32)).min() > 0.01, f"frame {index}"


def test_the_scene_to_be_mapped_is_the_room(source: SyntheticSource) -> None:
    room = open_synthetic("room").scene
    np.testing.assert_array_equal(source.scene.solids, room.solids)
    np.testing.assert_array_equal(source.scene.kinds, room.kinds)


def test_nothing_moves_elsewhere() -> None:
    assert not open_synthetic("room").mover_mask(40).any()
