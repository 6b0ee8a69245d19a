"""The block index: laws of the hash, and the visible blocks against the reference."""

from collections.abc import Callable

import numpy as np
import pytest

from kernels.blocks import (
    MAX_COORD,
    BlockIndex,
    cover_blocks,
    find_blocks,
    grown_index,
    insert_blocks,
    new_index,
    touch_band,
    touch_free,
)
from kernels.dispatch import using

from .conftest import BACKENDS, NOISE, SMALL_CAMERA, View, plane_view, random_pose

OFFSETS = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=-1)


def random_coords(num: int, spread: int, seed: int = 0) -> np.ndarray:
    """Return block coordinates around the origin, with repeats."""
    return np.random.default_rng(seed).integers(-spread, spread, (num, 3)).astype(np.int32)


def first_occurrences(coords: np.ndarray) -> np.ndarray:
    """Return the distinct rows in the order in which they come first."""
    _, first = np.unique(coords, axis=0, return_index=True)
    return coords[np.sort(first)]


@pytest.mark.parametrize("num", [0, 1, 7, 700])
def test_insert_and_find_like_reference(num: int):
    coords = random_coords(num, 6)
    wanted = np.concatenate([coords, random_coords(500, 9, seed=1)])
    found = []
    for backend in BACKENDS:
        index = new_index(1000)
        with using(backend):
            assert insert_blocks(index, coords)
            found.append((index, find_blocks(index, wanted)))
    (reference, slots), (cpu, cpu_slots) = found
    np.testing.assert_array_equal(cpu_slots, slots)
    np.testing.assert_array_equal(cpu.num_blocks, reference.num_blocks)
    np.testing.assert_array_equal(cpu.coords, reference.coords)
    np.testing.assert_array_equal(cpu.neighbors, reference.neighbors)


@pytest.mark.parametrize(("builder", "reader"), [BACKENDS, BACKENDS[::-1]])
def test_index_built_by_one_is_read_by_the_other(builder: str, reader: str):
    coords = first_occurrences(random_coords(500, 5))
    index = new_index(len(coords) + 1)
    with using(builder):
        insert_blocks(index, coords)
    with using(reader):
        np.testing.assert_array_equal(find_blocks(index, coords), np.arange(len(coords)))
        assert insert_blocks(index, np.array([[100, 100, 100]], np.int32))
    with using(builder):
        assert find_blocks(index, np.array([[100, 100, 100]], np.int32))[0] == len(coords)


def test_slots_count_up_in_order_of_insertion(backend: str):
    coords = random_coords(400, 4)
    index = new_index(400)
    assert insert_blocks(index, coords)
    distinct = first_occurrences(coords)
    assert index.num_blocks[0] == len(distinct)
    np.testing.assert_array_equal(index.coords[: len(distinct)], distinct)
    assert insert_blocks(index, coords)
    assert index.num_blocks[0] == len(distinct)
    assert (find_blocks(index, np.array([[50, 0, 0]], np.int32)) == -1).all()


def test_growth_by_insertion_keeps_slots(backend: str):
    small = new_index(64)
    assert insert_blocks(small, random_coords(64, 20))
    count = int(small.num_blocks[0])
    big = new_index(128)
    assert insert_blocks(big, small.coords[:count])
    np.testing.assert_array_equal(big.coords[:count], small.coords[:count])
    np.testing.assert_array_equal(big.neighbors[:count], small.neighbors[:count])
    np.testing.assert_array_equal(find_blocks(big, small.coords[:count]), np.arange(count))


def test_full_index_refuses_and_continues_after_growth(backend: str):
    coords = first_occurrences(random_coords(300, 8))[:100]
    small = new_index(60)
    assert not insert_blocks(small, coords)
    assert small.num_blocks[0] == 60
    np.testing.assert_array_equal(small.coords, coords[:60])
    assert (find_blocks(small, coords[60:]) == -1).all()
    assert insert_blocks(small, coords[:60])  # nothing new: it still fits
    big = new_index(120)
    assert insert_blocks(big, small.coords)
    assert insert_blocks(big, coords)
    np.testing.assert_array_equal(big.coords[:100], coords)


def test_capacity_of_one(backend: str):
    index = new_index(1)
    assert insert_blocks(index, np.array([[-3, 0, 4]], np.int32))
    assert not insert_blocks(index, np.array([[-3, 0, 5]], np.int32))
    assert find_blocks(index, np.array([[-3, 0, 4], [-3, 0, 5]], np.int32)).tolist() == [0, -1]


def test_coordinates_out_of_range_are_ignored(backend: str):
    far = np.array([[MAX_COORD, 0, 0], [0, -MAX_COORD - 1, 0], [0, 0, 1 << 30]], np.int32)
    last = np.array([[MAX_COORD - 2, -MAX_COORD + 1, 5]], np.int32)
    index = new_index(8)
    assert insert_blocks(index, np.concatenate([far, last, far]))
    assert index.num_blocks[0] == 1
    assert find_blocks(index, np.concatenate([last, far])).tolist() == [0, -1, -1, -1]


def test_coordinates_out_of_range_are_never_found(backend: str):
    """Symptom: the packed key of a coordinate beyond 2^20 is that of another block."""
    near = np.array([[1, -MAX_COORD + 5, 0]], np.int32)
    index = new_index(8)
    assert insert_blocks(index, near)
    beyond = np.array([[0, MAX_COORD + 5, 0], [1, -MAX_COORD + 4, 2 * MAX_COORD]], np.int32)
    assert find_blocks(index, beyond).tolist() == [-1, -1]


def test_neighbors_are_complete_and_symmetric(backend: str):
    index = new_index(900)
    insert_blocks(index, random_coords(1500, 5))
    count = int(index.num_blocks[0])
    assert count > 400
    coords = index.coords[:count]
    where = {tuple(c): slot for slot, c in enumerate(coords.tolist())}
    for d, offset in enumerate(OFFSETS):
        expected = [where.get(tuple(c), -1) for c in (coords + offset).tolist()]
        np.testing.assert_array_equal(index.neighbors[:count, d], expected)
    assert (index.neighbors[count:] == -1).all()


def room_like_depth() -> np.ndarray:
    """Return smooth depth with a step and holes."""
    v, u = np.mgrid[:60, :80]
    depth_m = 1.2 + 0.012 * u + 0.3 * np.sin(0.15 * v) + 0.7 * (u > 50)
    depth_m[10:20, 10:15] = 0.0
    return depth_m.astype(np.float32)


BLOCK_M, TRUNCATION_M = 0.16, (0.08, 0.24)


def touch(backend: str, index: BlockIndex, view: View, stride: int) -> tuple[set[int], np.ndarray]:
    """Return the blocks of a view's band as a set, and the stamps."""
    capacity = len(index.coords)
    stamps, visible = np.full(capacity, -1, np.int32), np.full(capacity, -7, np.int32)
    T = view.T_world_camera.astype(np.float32)
    with using(backend):
        num = touch_band(
            index, view.depth_m, view.camera.intrinsics, T, BLOCK_M, NOISE, TRUNCATION_M,
            stride, stamps, 5, visible,
        )  # fmt: skip
    assert num >= 0
    assert (visible[num:] == -7).all()
    assert len(set(visible[:num].tolist())) == num
    assert set(np.flatnonzero(stamps == 5)) == set(visible[:num])
    assert (stamps[stamps != 5] == -1).all()
    return set(visible[:num].tolist()), stamps


def coords_of(index: BlockIndex, slots: set[int]) -> set[tuple[int, ...]]:
    return {tuple(index.coords[slot].tolist()) for slot in slots}


def assert_same_but_for_border_samples(actual: set, expected: set):
    """Samples within float32's rounding (1e-6) of a block's border may fall beyond it."""
    assert len(actual ^ expected) <= 0.01 * len(expected)


@pytest.mark.parametrize("stride", [1, 3, 4])
@pytest.mark.parametrize("seed", range(2))
def test_touch_band_like_reference(stride: int, seed: int):
    view = View(room_like_depth(), SMALL_CAMERA, random_pose(seed, 2.0))
    touched = []
    for backend in BACKENDS:
        index = new_index(4000)
        insert_blocks(index, random_coords(50, 3))  # some are known before
        touched.append(coords_of(index, touch(backend, index, view, stride)[0]))
    assert len(touched[0]) > 100
    assert_same_but_for_border_samples(touched[1], touched[0])


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (3, 2)])
def test_touch_band_of_tiny_images(backend: str, size: tuple[int, int]):
    view = View(np.full(size, 1.0, np.float32), SMALL_CAMERA, np.eye(4))
    visible, _ = touch(backend, new_index(100), view, 1)
    assert bool(visible) == (size[0] > 0)
    assert touch(backend, new_index(100), view, 8)[0] == set()  # the lattice starts at pixel 4


def test_band_covers_the_surface_and_nothing_else(backend: str):
    """All blocks of a plane within view, and none beyond tau plus half a block's diagonal."""
    normal = np.array([0.3, -0.2, 0.93]) / np.linalg.norm([0.3, -0.2, 0.93])
    view = plane_view(SMALL_CAMERA, np.eye(4), normal, 1.5)
    index = new_index(2000)
    visible, _ = touch(backend, index, view, 1)
    v, u = np.mgrid[:60, :80]
    rays = np.stack([(u - 39.3) / 65.0, (v - 29.8) / 66.0, np.ones((60, 80))], axis=-1)
    points = (rays * view.depth_m[..., None]).reshape(-1, 3)
    on_surface = np.floor(points / BLOCK_M).astype(np.int32)
    # a point close to a border may be missed: the band is only sampled
    offset = np.abs(points / BLOCK_M - np.round(points / BLOCK_M)).min(axis=1)
    slots = find_blocks(index, on_surface[offset > 0.1])
    assert set(slots.tolist()) <= visible
    centers = (index.coords[: index.num_blocks[0]] + 0.5) * BLOCK_M
    reach_m = TRUNCATION_M[0] + BLOCK_M * np.sqrt(3) / 2
    assert (np.abs(centers @ normal - 1.5) < reach_m).all()


def test_band_without_room_asks_for_growth(backend: str):
    view = View(room_like_depth(), SMALL_CAMERA, np.eye(4))
    index = new_index(20)
    stamps, visible = np.full(20, -1, np.int32), np.full(20, -7, np.int32)
    arguments = (view.depth_m, view.camera.intrinsics, np.eye(4, dtype=np.float32), BLOCK_M)
    num = touch_band(index, *arguments, NOISE, TRUNCATION_M, 2, stamps, 0, visible)
    assert num == -1
    assert index.num_blocks[0] == 20
    grown = new_index(4000)
    insert_blocks(grown, index.coords)
    slots, _ = touch(backend, grown, view, 2)
    fresh = new_index(4000)
    all_slots, _ = touch(backend, fresh, view, 2)
    assert coords_of(grown, slots) == coords_of(fresh, all_slots)


def free_blocks(backend: str, offset: tuple[int, int]) -> tuple[set, set]:
    """Return the blocks listed before and after `touch_free` in a world that is full of blocks."""
    grid = np.stack(np.unravel_index(np.arange(30**3), (30, 30, 30)), axis=-1) - 15
    index = new_index(40000)
    insert_blocks(index, grid.astype(np.int32))
    view = View(room_like_depth(), SMALL_CAMERA, random_pose(3, 0.3))
    stamps, visible = np.full(40000, -1, np.int32), np.full(40000, -7, np.int32)
    listed = np.array([3, 4, 8], np.int32)
    visible[:3], stamps[listed] = listed, 9
    T = view.T_world_camera.astype(np.float32)
    count = int(index.num_blocks[0])
    with using(backend):
        num = touch_free(
            index, view.depth_m, view.camera.intrinsics, T, BLOCK_M, NOISE, TRUNCATION_M,
            8, offset, 0.1, stamps, 9, visible, 3,
        )  # fmt: skip
    assert index.num_blocks[0] == count  # it allocates nothing
    assert (visible[:3] == listed).all()
    assert (visible[num:] == -7).all()
    assert len(set(visible[:num].tolist())) == num
    return set(listed.tolist()), set(visible[:num].tolist())


@pytest.mark.parametrize("offset", [(0, 0), (3, 7)])
def test_touch_free_like_reference(offset: tuple[int, int]):
    (_, reference), (_, cpu) = (free_blocks(backend, offset) for backend in BACKENDS)
    assert len(reference) > 100
    assert_same_but_for_border_samples(cpu, reference)


@pytest.mark.parametrize("touched", [touch_band, touch_free])
def test_poses_far_away_touch_nothing(backend: str, touched: Callable):
    """A camera 1000 km away is out of range: nothing is allocated, and nothing breaks."""
    T = np.eye(4, dtype=np.float32)
    T[:3, 3] = 1e6
    index = new_index(50)
    stamps, visible = np.full(50, -1, np.int32), np.full(50, -7, np.int32)
    depth_m = np.ones((8, 8), np.float32)
    head = (index, depth_m, SMALL_CAMERA.intrinsics, T, BLOCK_M, NOISE, TRUNCATION_M, 2)
    if touched is touch_band:
        num = touch_band(*head, stamps, 0, visible)
    else:
        num = touch_free(*head, (0, 0), 0.1, stamps, 0, visible, 0)
    assert num == 0
    assert index.num_blocks[0] == 0


def test_grown_index_keeps_slots_and_neighbors(backend: str):
    index = new_index(64)
    coords = np.random.default_rng(5).integers(-3, 3, (60, 3)).astype(np.int32)
    assert insert_blocks(index, coords)
    grown = grown_index(index, 256)
    count = int(index.num_blocks[0])
    np.testing.assert_array_equal(find_blocks(grown, coords), find_blocks(index, coords))
    np.testing.assert_array_equal(grown.neighbors[:count], index.neighbors[:count])
    assert insert_blocks(grown, coords + np.int32(6))
    assert int(grown.num_blocks[0]) == 2 * count


def test_coarser_blocks_cover_all_cells_round_the_blocks(backend: str):
    """And a cell more: 0.32 m blocks under vertices 0.1 m apart, in blocks of 0.8 m."""
    fine, coarse = new_index(40), new_index(200)
    assert insert_blocks(fine, random_coords(40, 9))
    first = 25
    assert cover_blocks(fine, first, coarse, 0.32, 0.1)
    low = fine.coords[first : fine.num_blocks[0]] * 0.32
    near_m = np.random.default_rng(0).uniform(-0.1, 0.42, (300, 1, 3)) + low
    blocks = np.floor(near_m.reshape(-1, 3) / 0.8).astype(np.int32)
    assert (find_blocks(coarse, blocks) >= 0).all()
    covered_m = coarse.coords[: coarse.num_blocks[0]] * 0.8  # none lies farther away than that
    gap_m = np.maximum(low - 0.102 - (covered_m[:, None] + 0.8), covered_m[:, None] - low - 0.422)
    assert (gap_m.max(axis=2).min(axis=1) < 1e-6).all()


def test_a_cover_without_room_continues_after_growth(backend: str):
    fine, small = new_index(40), new_index(3)
    assert insert_blocks(fine, random_coords(40, 9))
    assert not cover_blocks(fine, 0, small, 0.32, 0.1)
    grown, whole = grown_index(small, 200), new_index(200)
    assert cover_blocks(fine, 0, grown, 0.32, 0.1)
    assert cover_blocks(fine, 0, whole, 0.32, 0.1)
    np.testing.assert_array_equal(grown.coords, whole.coords)
