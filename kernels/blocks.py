"""The sparse block structure both maps stand on: a hash from block coordinate to slot.

A block is 8 x 8 x 8 voxels; block (i, j, k) covers voxels 8 i .. 8 i + 7 and so on. Voxel (x, y, z)
lies at the world point (x, y, z) * voxel_size_m, and is number (x & 7) * 64 + (y & 7) * 8 + (z & 7)
of its block.
"""

from typing import NamedTuple

import numpy as np

from kernels.dispatch import check_array, implementation

MAX_COORD = 1 << 20  # block coordinates are packed into 21 bits each
COVER_CELLS = 1.01  # beyond a block: see `cover_blocks`


class BlockIndex(NamedTuple):
    """The hash table and what it leads to. `neighbors[s, 4 dx + 2 dy + dz]` is the slot at
    coords[s] + (dx, dy, dz).
    """

    keys: np.ndarray  # int64 (2^k,): packed block coordinate, -1 where empty
    slots: np.ndarray  # int32 (2^k,)
    coords: np.ndarray  # int32 (capacity, 3)
    neighbors: np.ndarray  # int32 (capacity, 8), -1 where there is no block
    num_blocks: np.ndarray  # int32 (1,): blocks in use


def new_index(capacity: int) -> BlockIndex:
    """Return an empty index for `capacity` blocks; its table is at most half full."""
    table_size = 1 << int(2 * capacity - 1).bit_length()
    return BlockIndex(
        keys=np.full(table_size, -1, np.int64),
        slots=np.full(table_size, -1, np.int32),
        coords=np.zeros((capacity, 3), np.int32),
        neighbors=np.full((capacity, 8), -1, np.int32),
        num_blocks=np.zeros(1, np.int32),
    )


def grown_index(index: BlockIndex, capacity: int) -> BlockIndex:
    """Return a copy of an index with room for more blocks; all slots stay as they are."""
    grown = new_index(capacity)
    count = int(index.num_blocks[0])
    grown.coords[:count] = index.coords[:count]
    grown.neighbors[:count] = index.neighbors[:count]
    grown.num_blocks[0] = count
    implementation("blocks", index.coords).fill_table(grown)
    return grown


def insert_blocks(index: BlockIndex, coords: np.ndarray) -> bool:
    """Insert blocks (n, 3) int32 in order, skipping known ones; False once the capacity is used up.

    Coordinates beyond +-2^20 are ignored. Inserting again after growth continues where it stopped.
    A GPU gives out slots in any order, and an index there never grows.
    """
    check_array("coords", coords, "int32", (None, 3))
    return implementation("blocks", coords).insert_blocks(index, coords)


def find_blocks(index: BlockIndex, coords: np.ndarray) -> np.ndarray:
    """Return the slots of blocks (n, 3) int32, -1 where there is none."""
    check_array("coords", coords, "int32", (None, 3))
    return implementation("blocks", coords).find_blocks(index, coords)


def cover_blocks(
    index: BlockIndex,
    first: int,
    coarse_index: BlockIndex,
    block_size_m: float,
    coarse_spacing_m: float,
) -> bool:
    """Insert the blocks of a coarser level that hold all cells round the blocks of `index` from
    slot `first` on, and 1.01 cells more; False once the capacity is used up: then grow and call
    again.

    On a GPU `first` is int32 (1,), and nothing is returned: what finds no room is left out.
    """
    return implementation("blocks", index.coords).cover_blocks(
        index, first, coarse_index, block_size_m, coarse_spacing_m
    )


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
    """Allocate the blocks within the truncation band of every `stride`-th pixel and list them.

    The band is sampled every half block from z - tau to z + tau, tau = clip(3 sigma(z),
    *truncation_m). Each block met is stamped (`stamps` int32 (capacity,)) and listed once in
    `visible` int32 (capacity,). Returns their number, or -1 when the capacity is used up: then grow
    and call again with the same stamp and an empty list.

    On a GPU it returns int32 (2,): the blocks listed, and how many samples met a block that found
    no room and was left out. `stamp` may be a tensor (1,) there.
    """
    _check_view(depth_m, intrinsics, T_world_camera, stamps, visible)
    return implementation("blocks", depth_m).touch_band(
        index, depth_m, intrinsics, T_world_camera, block_size_m, noise, truncation_m,
        stride, stamps, stamp, visible,
    )  # fmt: skip


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
    """Add the *existing* blocks that the rays of every `stride`-th pixel cross before the band.

    They hold what stood in free space that is now seen to be empty; integrating them carves it
    away. `offset` (v, u) is where the pixel lattice starts: moved from frame to frame, it reaches
    every block in a few frames. Returns the new number of listed blocks. On a GPU `num_visible` is
    what `touch_band` returned, updated in place; `offset` may be a tensor int32 (2,) there.
    """
    _check_view(depth_m, intrinsics, T_world_camera, stamps, visible)
    return implementation("blocks", depth_m).touch_free(
        index, depth_m, intrinsics, T_world_camera, block_size_m, noise, truncation_m,
        stride, offset, near_m, stamps, stamp, visible, num_visible,
    )  # fmt: skip


def _check_view(depth_m, intrinsics, T_world_camera, stamps, visible):
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_world_camera", T_world_camera, "float32", (4, 4))
    check_array("stamps", stamps, "int32", (None,))
    check_array("visible", visible, "int32", (None,))
