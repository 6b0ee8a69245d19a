"""The block index against its definition. Slots may come in any order: blocks are compared by their
coordinates.
"""

import numpy as np

from kernel_cases.check import Case, check, gpu_check, to_device, to_host
from kernel_cases.depth import NOISE, random_depth
from kernels import blocks as block_ops
from kernels.blocks import MAX_COORD, BlockIndex
from kernels.dispatch import using
from slam.geometry import se3_exp

OFFSETS = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=-1)
BLOCK_M, TRUNCATION_M = 0.16, (0.08, 0.24)
Coord = tuple[int, int, int]


def coords_of(index: BlockIndex, slots: np.ndarray) -> set[Coord]:
    return {(x, y, z) for x, y, z in index.coords[slots].tolist()}


def all_coords(index: BlockIndex) -> set[Coord]:
    return coords_of(index, np.arange(int(index.num_blocks[0])))


def compare_index(case: Case, what: str, got: BlockIndex, wanted: set[Coord]) -> None:
    """Check that an index holds certain blocks, each once, and that it is consistent."""
    count = int(got.num_blocks[0])
    case.true(f"{what}: blocks differ", all_coords(got) == wanted)
    case.true(f"{what}: {count} slots for {len(wanted)} blocks", count == len(wanted))
    coords = got.coords[:count]
    with using("cpu"):  # which reads the table
        case.equal(
            f"{what}: table", block_ops.find_blocks(got, coords), np.arange(count, dtype="i4")
        )
    with using("reference"):  # which reads the coordinates
        near = [block_ops.find_blocks(got, coords + offset) for offset in OFFSETS.astype(np.int32)]
    case.equal(f"{what}: neighbors", got.neighbors[:count], np.stack(near, axis=1))
    case.true(f"{what}: neighbors beyond the end", bool((got.neighbors[count:] == -1).all()))


@check
def blocks_insert(case: Case) -> None:
    """In two parts, the second overlapping the first, with many repeats: threads meet on a key."""
    for num in (0, 1, 7, case.pick(300, 200_000, 5_000)):
        spread = 3 if num < 1000 else 30
        parts = [case.random.integers(-spread, spread, (num, 3), np.int32) for _ in range(2)]
        host, device = block_ops.new_index(2 * num + 1), block_ops.new_index(2 * num + 1)
        device = to_device(device)
        for part in parts:
            with using("reference"):
                block_ops.insert_blocks(host, part)
            case.true(f"{num}: no room", block_ops.insert_blocks(device, to_device(part)))
        compare_index(case, f"{num} blocks", to_host(device), all_coords(host))
        asked = case.random.integers(-spread - 2, spread + 2, (num, 3), np.int32)
        slots = to_host(block_ops.find_blocks(device, to_device(asked)))
        with using("reference"):
            wanted = block_ops.find_blocks(to_host(device), asked)
        case.equal(f"{num}: found", slots, wanted)


@check
def blocks_full(case: Case) -> None:
    """What finds no room is left out, whichever it is; asked again and again, nothing breaks."""
    num = case.pick(100, 20_000)
    coords = case.random.permutation(
        np.stack(np.unravel_index(np.arange(num), (num // 10, 5, 2)), axis=-1).astype(np.int32)
    )
    for capacity in (1, num // 2, num - 1):
        index = to_device(block_ops.new_index(capacity))
        for _ in range(3):
            fits = block_ops.insert_blocks(index, to_device(coords))
            case.true(f"{capacity}: said to fit", not fits)
        host = to_host(index)
        compare_index(case, f"{capacity} of {num}", host, all_coords(host))
        case.true(f"{capacity}: not full", int(host.num_blocks[0]) == capacity)
        case.true(
            f"{capacity}: foreign", all_coords(host) <= {(x, y, z) for x, y, z in coords.tolist()}
        )
        slots = to_host(block_ops.find_blocks(index, to_device(coords)))
        case.true(
            f"{capacity}: {np.count_nonzero(slots >= 0)} found", (slots >= 0).sum() == capacity
        )


@check
def blocks_far(case: Case) -> None:
    """Coordinates out of range are ignored, and never found."""
    edge = MAX_COORD
    far = np.array([[edge, 0, 0], [0, -edge - 1, 0], [0, 0, 1 << 30], [edge - 1, 0, 0]], np.int32)
    last = np.array([[edge - 2, -edge + 1, 5]], np.int32)
    index = to_device(block_ops.new_index(8))
    case.true("no room", block_ops.insert_blocks(index, to_device(np.concatenate([far, last]))))
    found = block_ops.find_blocks(index, to_device(np.concatenate([last, far])))
    case.equal("slots", to_host(found), np.array([0, -1, -1, -1, -1], np.int32))


def compare_listed(
    case: Case, what: str, index: BlockIndex, visible: np.ndarray, num: int, wanted: set[Coord]
) -> None:
    """Samples within rounding of a block's border may fall beyond it."""
    got = coords_of(index, visible[:num])
    case.true(f"{what}: listed twice", len(got) == num)
    case.true(f"{what}: more written than counted", bool((visible[num:] == -7).all()))
    off = len(got ^ wanted)
    case.true(f"{what}: {off} of {len(wanted)} blocks differ", off <= 0.01 * len(wanted) + 1)


@gpu_check
def blocks_touch(case: Case) -> None:
    """The blocks of the band and those in front of it, listed once each."""
    for size in ((0, 0), (1, 1), (5, 7), case.pick((30, 40), (480, 640))):
        stride, capacity = 5 if min(size) > 9 else 1, case.pick(1500, 30_000)
        w = max(size[1], 1)
        intrinsics = np.array([0.8 * w, 0.82 * w, w / 2 - 0.4, size[0] / 2 - 0.3], np.float32)
        T = se3_exp(case.random.normal(size=6) * 0.7).astype(np.float32)
        view = (random_depth(case, size), intrinsics, T, BLOCK_M, NOISE, TRUNCATION_M, stride)
        offset = (int(case.random.integers(stride)), int(case.random.integers(stride)))
        host = block_ops.new_index(capacity)
        with using("cpu"):  # some are known before
            block_ops.insert_blocks(host, case.random.integers(-9, 9, (400, 3), np.int32))
        indices = [to_device(host), to_device(host)]
        stamps, visible = np.full(capacity, -1, np.int32), np.full(capacity, -7, np.int32)
        with using("reference"):
            in_band = (*view, stamps, 4, visible)
            num = block_ops.touch_band(host, *in_band)
            band = coords_of(host, visible[:num])
            in_front = (*view, offset, 0.1, stamps, 4, visible, num)
            num = block_ops.touch_free(host, *in_front)
            both = coords_of(host, visible[:num])

        offsets = to_device(np.array(offset, np.int32))
        four = to_device(np.full(1, 4, np.int32))
        for index, stamp, where in ((indices[0], 4, offset), (indices[1], four, offsets)):
            stamps, visible = (to_device(np.full(capacity, value, np.int32)) for value in (-1, -7))
            on_device = to_device(view)
            in_band = [index, *on_device, stamps, stamp, visible]
            count = block_ops.touch_band(*in_band)
            case.equal(f"refused of {size}", to_host(count)[1], np.int32(0))
            listed, num = to_host((visible, count))
            compare_listed(case, f"band of {size}", to_host(index), listed, int(num[0]), band)
            in_front = [index, *on_device, where, 0.1, stamps, stamp, visible, count]
            count = block_ops.touch_free(*in_front)
            listed, num = to_host((visible, count))
            compare_listed(case, f"free of {size}", to_host(index), listed, int(num[0]), both)
            stamped = np.flatnonzero(to_host(stamps) == 4).astype(np.int32)
            case.equal(f"stamps of {size}", stamped, np.sort(listed[: num[0]]))
        compare_index(case, f"index of {size}", to_host(index), all_coords(to_host(index)))


@gpu_check
def blocks_touch_without_room(case: Case) -> None:
    """What does not fit is left out and reported, frame after frame."""
    size, capacity = case.pick((20, 20), (480, 640)), case.pick(10, 300)
    intrinsics = np.array([size[1], size[1], size[1] / 2, size[0] / 2], np.float32)
    depth_m = to_device(random_depth(case, size))
    index = to_device(block_ops.new_index(capacity))
    stamps, visible = (to_device(np.full(capacity, -1, np.int32)) for _ in range(2))
    for stamp in range(3):
        T = to_device(se3_exp(case.random.normal(size=6) * 0.1).astype(np.float32))
        count = block_ops.touch_band(
            index, depth_m, to_device(intrinsics), T, BLOCK_M, to_device(NOISE), TRUNCATION_M, 4,
            stamps, stamp, visible,
        )  # fmt: skip
        host, listed, num = to_host((index, visible, count))
        case.true("none refused", int(num[1]) > 0)
        case.true("not full", int(host.num_blocks[0]) == capacity)
        case.true("listed twice", len(set(listed[: num[0]].tolist())) == num[0])
        compare_index(case, "full index", host, all_coords(host))


@check
def blocks_cover(case: Case) -> None:
    """The coarser blocks over new fine blocks, as the neural map's storage makes them."""
    fine_block_m, spacing_m = 0.33, 0.17
    for num in (1, case.pick(20, 3000)):
        fine, level = block_ops.new_index(num), block_ops.new_index(8 * num)
        coords = case.random.permutation(
            np.stack(np.unravel_index(np.arange(num), (num, 1, 1)), axis=-1)
        ) * [1, 7, -5] + case.random.integers(-9, 9, 3)
        first = case.random.integers(num)
        with using("cpu"):
            block_ops.insert_blocks(fine, coords.astype(np.int32))
        device, starts = to_device(level), case.counted(int(first))
        block_ops.cover_blocks(to_device(fine), starts, device, fine_block_m, spacing_m)
        with using("reference"):
            block_ops.cover_blocks(fine, first, level, fine_block_m, spacing_m)
        compare_index(case, f"cover of {num}", to_host(device), all_coords(level))
