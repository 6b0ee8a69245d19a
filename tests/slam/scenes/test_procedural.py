"""Random rooms."""

import numpy as np
import pytest

from slam.scenes.procedural import random_room

SEEDS = [0, 1, (2, 3), (2, 4)]


@pytest.fixture(params=SEEDS, ids=str)
def room(request):
    return random_room(request.param)


def test_a_seed_gives_one_room_and_another_seed_another():
    rooms = [random_room(seed).solids for seed in SEEDS]
    for seed, solids in zip(SEEDS, rooms, strict=True):
        np.testing.assert_array_equal(random_room(seed).solids, solids)
        assert sum(np.array_equal(solids, other) for other in rooms) == 1


def inner_points(room, n=20_000):
    """Points between floor, ceiling and walls, which are the first six solids."""
    centre, half_m = room.solids[:6, :3], room.solids[:6, 3:6]
    floor, ceiling, west, east, south, north = range(6)
    low = [(centre + half_m)[k, a] for k, a in ((west, 0), (south, 1), (floor, 2))]
    high = [(centre - half_m)[k, a] for k, a in ((east, 0), (north, 1), (ceiling, 2))]
    points = np.random.default_rng(0).uniform(low, high, (n, 3)).astype(np.float32)
    return points, np.array(low), np.array(high)


def test_sizes_are_those_of_rooms(room):
    _, low, high = inner_points(room)
    sides_m = high - low
    assert np.all(sides_m[:2] > 2.99)
    assert np.all(sides_m[:2] < 8.01)
    assert 2.29 < sides_m[2] < 3.01
    assert np.all(room.solids[:, 3:6] > 0)
    assert len(room.kinds) > 50


def test_most_of_a_room_is_free_space(room):
    points, _, _ = inner_points(room)
    assert np.mean(room.sdf(points) > 0) > 0.5


def test_a_room_is_closed(room):
    """Each point of the faces that bound it lies on a solid."""
    points, low, high = inner_points(room, n=1000)
    for axis in range(3):
        for value in (low[axis], high[axis]):
            on_face = points.copy()
            on_face[:, axis] = value
            assert np.all(room.sdf(on_face) < 1e-5)
