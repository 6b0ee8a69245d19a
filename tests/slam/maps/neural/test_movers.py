"""What moves through free space is told from what stays, and mapped once it stays."""

import cv2
import numpy as np
import pytest

from slam.maps.neural.movers import LATTICE, FreeSpace
from slam.sources.synthetic import open_synthetic

KEYFRAMES = range(0, 60, 6)


@pytest.fixture(scope="module")
def source():
    return open_synthetic("moving", 60)


@pytest.fixture(scope="module")
def remembered(source, see_frame):
    """Free space of the room as it is without the mover."""
    free_space = FreeSpace()
    for index in KEYFRAMES:
        frame = see_frame(source, source.camera, index, has_mover=False)
        free_space.remember(frame, source.ground_truth().Ts_world_camera[index])
    return free_space


@pytest.mark.parametrize("index", KEYFRAMES[::3])
def test_most_of_a_mover_is_found_and_little_else(
    source, remembered, see_frame, know_nothing, index
):
    T = source.ground_truth().Ts_world_camera[index]
    frame = see_frame(source, source.camera, index)
    is_mover = source.mover_mask(index)
    found = remembered.contradicted(frame, T, know_nothing)
    assert found.shape == is_mover.shape
    assert found[is_mover].mean() > 0.85  # its feet are near the floor, its back near a wall
    around = cv2.dilate(is_mover.astype(np.uint8), np.ones((4 * LATTICE + 1,) * 2)) > 0
    assert found[~around].mean() < 0.02


def test_what_is_near_a_known_surface_is_no_mover(source, remembered, see_frame, know_nothing):
    """An answer of the map overrides the memory."""
    index = KEYFRAMES[2]
    T = source.ground_truth().Ts_world_camera[index]
    frame = see_frame(source, source.camera, index)

    def know_all(points):
        samples = know_nothing(points)
        samples.is_valid[:] = True  # at distance zero
        return samples

    assert remembered.contradicted(frame, T, know_nothing).any()
    assert not remembered.contradicted(frame, T, know_all).any()


def test_a_memory_of_nothing_contradicts_nothing(source, see_frame, know_nothing):
    frame = see_frame(source, source.camera, 0)
    T = source.ground_truth().Ts_world_camera[0]
    assert not FreeSpace().contradicted(frame, T, know_nothing).any()


def test_in_a_static_room_almost_nothing_is_left_out(room, make_neural):
    map_ = make_neural(reject_movers=False, steps=0, first_steps=0, budget_mb=512)
    free_space, shares = FreeSpace(), []
    for number, frame in enumerate(room.frames):
        T = room.Ts_world_camera[frame.index]
        shares.append(free_space.contradicted(frame, T, map_.query).mean())
        map_.integrate(frame, T)
        if number % 2 == 0:
            free_space.remember(frame, T)
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
