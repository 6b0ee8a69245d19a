"""What moves through free space is told from what stays, and mapped once it stays."""

import cv2
import numpy as np
import pytest

from kernels.movers import LATTICE, FreeSpace, new_free_space, remember, without_movers
from kernels.tsdf import TsdfGrid
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.sources.synthetic import open_synthetic

KEYFRAMES = range(0, 60, 6)


def fuse(space: FreeSpace, frame: Frame, T_world_camera: Transform) -> None:
    T_camera_world = inverse(T_world_camera).astype(np.float32)
    remember(space, *view(frame, T_world_camera), T_camera_world, frame.index)


def left_out(
    space: FreeSpace, known: TsdfGrid, frame: Frame, T_world_camera: Transform
) -> np.ndarray:
    """Return which pixels of a frame lose their reading."""
    kept = without_movers(space, known, *view(frame, T_world_camera))
    is_same = kept == frame.depth_m
    assert not kept[~is_same].any()
    return ~is_same


def view(frame: Frame, T_world_camera: Transform) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return frame.depth_m, frame.camera.intrinsics, T_world_camera.astype(np.float32)


@pytest.fixture(scope="module")
def source():
    return open_synthetic("moving", 60)


@pytest.fixture(scope="module")
def remembered(source, see_frame):
    """Free space of the room as it is without the mover."""
    space = new_free_space()
    for index in KEYFRAMES:
        frame = see_frame(source, source.camera, index, has_mover=False)
        fuse(space, frame, source.ground_truth().Ts_world_camera[index])
    return space


@pytest.fixture(scope="module")
def untaught(make_neural) -> TsdfGrid:
    """A map that knows nothing."""
    return make_neural(budget_mb=16)._grid.field.base


@pytest.mark.parametrize("index", KEYFRAMES[::3])
def test_most_of_a_mover_is_found_and_little_else(source, remembered, see_frame, untaught, index):
    T = source.ground_truth().Ts_world_camera[index]
    frame = see_frame(source, source.camera, index)
    is_mover = source.mover_mask(index)
    found = left_out(remembered, untaught, frame, T)
    assert found.shape == is_mover.shape
    assert found[is_mover].mean() > 0.85  # its feet are near the floor, its back near a wall
    around = cv2.dilate(is_mover.astype(np.uint8), np.ones((4 * LATTICE + 1,) * 2)) > 0
    assert found[~around].mean() < 0.02


def test_what_is_near_a_known_surface_is_no_mover(
    source, remembered, see_frame, untaught, make_neural
):
    """What the map knows overrides the memory, but beside the edges, which it does not map."""
    index = KEYFRAMES[2]
    T = source.ground_truth().Ts_world_camera[index]
    frame = see_frame(source, source.camera, index)
    map_ = make_neural(reject_movers=False, steps=0, first_steps=0, budget_mb=128)
    map_.integrate(frame, T)
    unknown, known = (
        left_out(remembered, grid, frame, T).mean() for grid in (untaught, map_._grid.field.base)
    )
    assert known < 0.2 * unknown


def test_a_memory_of_nothing_contradicts_nothing(source, see_frame, untaught):
    frame = see_frame(source, source.camera, 0)
    T = source.ground_truth().Ts_world_camera[0]
    assert not left_out(new_free_space(), untaught, frame, T).any()


def test_in_a_static_room_almost_nothing_is_left_out(room, make_neural):
    map_ = make_neural(reject_movers=False, steps=0, first_steps=0, budget_mb=512)
    space, shares = new_free_space(), []
    for number, frame in enumerate(room.frames):
        T = room.Ts_world_camera[frame.index]
        shares.append(left_out(space, map_._grid.field.base, frame, T).mean())
        map_.integrate(frame, T)
        if number % 2 == 0:
            fuse(space, frame, T)
    assert np.mean(shares) < 0.005


def front_of_the_box(num=500) -> np.ndarray:
    points = np.random.default_rng(2).uniform(-0.12, 0.12, (num, 3)).astype(np.float32)
    points[:, 1] = -0.5
    return points


def mapped_share(map_) -> float:
    samples = map_.query(front_of_the_box())
    return float((samples.is_valid & (np.abs(samples.sdf_m) < 0.01)).mean())


@pytest.mark.parametrize("keyframe_every", [1, 4])
def test_a_box_that_comes_to_rest_is_mapped_after_a_while(make_neural, see, keyframe_every):
    map_ = make_neural(keyframe_every=keyframe_every, steps=0, first_steps=0)
    for index in range(20):
        map_.integrate(*see(zoom=2.0, index=index))
    before = map_.query(front_of_the_box())
    map_.integrate(*see(has_box=True, zoom=2.0, index=20))
    after = map_.query(front_of_the_box())
    np.testing.assert_array_equal(after.is_valid, before.is_valid)  # not at once
    for index in range(21, 21 + 30 * keyframe_every):
        map_.integrate(*see(has_box=True, zoom=2.0, index=index))
    assert mapped_share(map_) > 0.9


def test_a_box_is_mapped_at_once_where_nothing_was_known_to_be_free(make_neural, see):
    map_ = make_neural(steps=0, first_steps=0)
    map_.integrate(*see(has_box=True, zoom=2.0))
    assert mapped_share(map_) > 0.9


def test_less_is_left_of_a_passing_box(make_neural, see):
    """The box flies by, 8 cm a frame, before a wall that is known: fewer ghosts than without."""
    ghosts = {}
    for reject_movers in (False, True):
        map_ = make_neural(reject_movers=reject_movers, steps=0, first_steps=0)
        for index in range(10):
            map_.integrate(*see(zoom=2.0, index=index))
        for k in range(10):
            # the scene's box stands at x = 0: the camera goes instead, along the wall
            x_m = 0.45 - 0.08 * k
            frame, T = see((x_m, -1.5, 0.0), True, zoom=2.0, index=10 + k, target_m=(x_m, 0, 0))
            T[0, 3] -= x_m  # as if the box went past a camera that stays
            map_.integrate(frame, T)
        vertices_m = map_.mesh().observed().vertices_m
        ghosts[reject_movers] = int((vertices_m[:, 1] < -0.1).sum())
    assert ghosts[True] < 0.5 * ghosts[False]
