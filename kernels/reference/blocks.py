"""The block index in plain Python: the definition.

Lookups go by the list of coordinates. The hash table is filled as well, so that every
implementation can read the index.
"""

from collections.abc import Iterator

import numpy as np

from kernels.blocks import COVER_CELLS, MAX_COORD, BlockIndex
from kernels.reference.depth import sigma

Coord = tuple[int, int, int]
OFFSETS = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=-1)  # of a box's corners
GOLDEN = -7046029254386353131  # 2^64 / golden ratio


def insert_blocks(index: BlockIndex, coords: np.ndarray) -> bool:
    """See `kernels.blocks.insert_blocks`.

    Of +-2^20 the outermost coordinates are out of range too.
    """
    known = _known_blocks(index)
    for x, y, z in coords.tolist():
        if _insert(index, known, (x, y, z)) == -1:
            return False
    return True


def find_blocks(index: BlockIndex, coords: np.ndarray) -> np.ndarray:
    """See `kernels.blocks.find_blocks`."""
    count = int(index.num_blocks[0])
    found = np.full(len(coords), -1, np.int32)
    if count == 0:
        return found
    keys = pack(index.coords[:count])
    order = np.argsort(keys)
    wanted = pack(coords)
    place = np.minimum(np.searchsorted(keys[order], wanted), count - 1)
    slots = order[place]
    is_found = _is_in_range(coords) & (keys[slots] == wanted)
    found[is_found] = slots[is_found]
    return found


def cover_blocks(
    index: BlockIndex,
    first: int,
    coarse_index: BlockIndex,
    block_size_m: float,
    coarse_spacing_m: float,
) -> bool:
    """See `kernels.blocks.cover_blocks`."""
    coords = coords_over(index, first, block_size_m, coarse_spacing_m)
    return insert_blocks(coarse_index, np.unique(coords, axis=0))


def coords_over(
    index: BlockIndex, first: int, block_size_m: float, coarse_spacing_m: float
) -> np.ndarray:
    """Return the coordinates (n, 3) of the coarser blocks in which the corners of each block lie,
    moved outwards.
    """
    low_m = index.coords[first : int(index.num_blocks[0])] * block_size_m
    margin_m = COVER_CELLS * coarse_spacing_m
    corners_m = [low_m + up * block_size_m + (2 * up - 1) * margin_m for up in OFFSETS]
    return np.floor(np.concatenate(corners_m) / (8 * coarse_spacing_m)).astype(np.int32)


def touch_band(
    index: BlockIndex,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    block_size_m: float,
    noise: np.ndarray,
    truncation_m: tuple[float, float],
    stride: int,
    stamps: np.ndarray,
    stamp: int,
    visible: np.ndarray,
) -> int:
    """See `kernels.blocks.touch_band`. `visible` is defined as a set.

    The pixel lattice starts at stride // 2. The band is sampled at the ends of equal parts, at most
    half a block of z-depth long and at least two.
    """
    known = _known_blocks(index)
    start = (stride // 2, stride // 2)
    num_visible = 0
    for z, origin, ray in _rays(depth_m, intrinsics, T_world_camera, stride, start):
        tau = _truncation(z, noise, truncation_m)
        num_parts = int(4.0 * tau / block_size_m) + 2
        for t in np.linspace(z - tau, z + tau, num_parts + 1):
            slot = _insert(index, known, _block_at(origin + t * ray, block_size_m))
            if slot == -1:
                return -1
            if slot >= 0 and stamps[slot] != stamp:
                stamps[slot] = stamp
                visible[num_visible] = slot
                num_visible += 1
    return num_visible


def touch_free(
    index: BlockIndex,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    block_size_m: float,
    noise: np.ndarray,
    truncation_m: tuple[float, float],
    stride: int,
    offset: tuple[int, int],
    near_m: float,
    stamps: np.ndarray,
    stamp: int,
    visible: np.ndarray,
    num_visible: int,
) -> int:
    """See `kernels.blocks.touch_free`.

    A ray is sampled every half block of z-depth, from near_m to the band.
    """
    known = _known_blocks(index)
    for z, origin, ray in _rays(depth_m, intrinsics, T_world_camera, stride, offset):
        end = z - _truncation(z, noise, truncation_m)
        for t in np.arange(near_m, end, 0.5 * block_size_m):
            slot = known.get(_block_at(origin + t * ray, block_size_m), -1)
            if slot >= 0 and stamps[slot] != stamp:
                stamps[slot] = stamp
                visible[num_visible] = slot
                num_visible += 1
    return num_visible


def pack(coords: np.ndarray) -> np.ndarray:
    """Return the keys of block coordinates (n, 3), 21 bits each.

    Those out of range share keys with others.
    """
    x, y, z = (coords.astype(np.int64) + MAX_COORD).T
    return (x << 42) | (y << 21) | z


def _is_in_range(coords: np.ndarray) -> np.ndarray:
    """Whether blocks may exist. The neighbours of those that may have keys of their own."""
    return np.all((coords > -MAX_COORD) & (coords < MAX_COORD - 1), axis=1)


def _known_blocks(index: BlockIndex) -> dict[Coord, int]:
    rows = index.coords[: index.num_blocks[0]].tolist()
    return {(x, y, z): slot for slot, (x, y, z) in enumerate(rows)}


def _insert(index: BlockIndex, known: dict[Coord, int], coord: Coord) -> int:
    """Return the slot of a block, new or known; -1 if there is no room, -2 if out of range."""
    if coord in known:
        return known[coord]
    if not _is_in_range(np.array([coord]))[0]:
        return -2
    slot = len(known)
    if slot == len(index.coords):
        return -1
    known[coord] = slot
    index.coords[slot] = coord
    index.num_blocks[0] = slot + 1
    _enter_key(index, int(pack(np.array([coord]))[0]), slot)
    x, y, z = coord
    for d in range(8):
        dx, dy, dz = d >> 2, d >> 1 & 1, d & 1
        index.neighbors[slot, d] = known.get((x + dx, y + dy, z + dz), -1)
        behind = known.get((x - dx, y - dy, z - dz))
        if behind is not None:
            index.neighbors[behind, d] = slot
    return slot


def fill_table(index: BlockIndex) -> None:
    """Enter all blocks of an index into its empty table."""
    count = int(index.num_blocks[0])
    for slot, key in enumerate(pack(index.coords[:count]).tolist()):
        _enter_key(index, key, slot)


def _enter_key(index: BlockIndex, key: int, slot: int) -> None:
    """Enter a new key from its bucket on: Fibonacci hashing, linear probing."""
    mask = len(index.keys) - 1
    i = key * GOLDEN >> 29 & mask
    while index.keys[i] != -1:
        i = i + 1 & mask
    index.keys[i] = key
    index.slots[i] = slot


def _rays(
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    stride: int,
    start: tuple[int, int],
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Yield depth, origin and ray (world, z-depth 1 long) of the pixels that have depth."""
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    T = T_world_camera.astype(np.float64)
    for v in range(start[0], depth_m.shape[0], stride):
        for u in range(start[1], depth_m.shape[1], stride):
            if depth_m[v, u] > 0:
                ray = T[:3, :3] @ [(u - cx) / fx, (v - cy) / fy, 1.0]
                yield float(depth_m[v, u]), T[:3, 3], ray


def _block_at(point: np.ndarray, block_size_m: float) -> Coord:
    x, y, z = np.floor(point / block_size_m).astype(int).tolist()
    return x, y, z


def _truncation(z: float, noise: np.ndarray, truncation_m: tuple[float, float]) -> float:
    return float(np.clip(3.0 * sigma(np.float64(z), noise), *truncation_m))
