"""What moves: readings in space that was seen to be free.

A middle-sized grid remembers for a few keyframes which space is free. A reading well inside of it
is something that moved there, or an outlier, unless the map already knows a surface there. Such
readings are left out, pixel by pixel. NICE-SLAM drops rays by the size of their error instead, and
so cannot tell a mover from a surface that it has not learned yet. What comes to rest is mapped as
soon as the memory of free space has faded.
"""

from typing import NamedTuple

import numpy as np

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.dispatch import check_array, implementation
from kernels.tsdf import TsdfGrid

SPACING_M = 0.12
TRUNCATION_M = 0.24
FREE_M = 0.16  # from any surface: such readings are in the open
MEMORY = 12.0  # keyframes: two seconds until what has come to rest is mapped
LATTICE = 8  # pixels between the readings that are tested; a hit covers its neighbours too
MAX_BLOCKS = 1 << 14
NOISE = np.array([0.05, 0.0, 0.0], np.float32)  # all readings weigh the same here
# With sigma(z) a third of z, the band of `touch_band` about half a ray is all of that ray.
WHOLE_RAY = np.array([0.0, 1.0 / 3.0, 0.0], np.float32)
ANY_LENGTH_M = (0.0, 1000.0)


class FreeSpace(NamedTuple):
    """Distances to what the last keyframes saw, and what listing blocks takes."""

    grid: TsdfGrid
    stamps: np.ndarray  # int32 (MAX_BLOCKS,)
    visible: np.ndarray  # int32 (MAX_BLOCKS,)
    dither: np.ndarray  # float32 (1024,): plain rounding, so coarse a grid needs no other
    noise: np.ndarray  # NOISE
    whole_ray: np.ndarray  # WHOLE_RAY


def new_free_space() -> FreeSpace:
    """Return a memory of nothing."""
    grid = TsdfGrid(
        block_ops.new_index(MAX_BLOCKS), tsdf_ops.new_blocks(MAX_BLOCKS), np.float32(SPACING_M),
        np.float32(TRUNCATION_M / 32000.0),
    )  # fmt: skip
    stamps, visible = (np.full(MAX_BLOCKS, -1, np.int32) for _ in range(2))
    return FreeSpace(grid, stamps, visible, np.full(1024, 0.5, np.float32), NOISE, WHOLE_RAY)


def remember(
    space: FreeSpace,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    T_camera_world: np.ndarray,
    stamp: int,
) -> None:
    """Fuse a keyframe, with all that moves in it, along every ray of a lattice of 2 LATTICE pixels.

    `stamp` is another one each time, and on a GPU int32 (1,). Beyond the capacity nothing is
    remembered.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    implementation("movers", depth_m).remember(
        space, depth_m, intrinsics, T_world_camera, T_camera_world, stamp
    )


def without_movers(
    space: FreeSpace,
    known: TsdfGrid,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
) -> np.ndarray:
    """Return the depth image with 0 for the readings that lie in free space, where the map that is
    `known` has no surface either.

    Tested is the reading in the middle of each LATTICE x LATTICE pixels; where it is in the open,
    these and the eight such squares round them are left out.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_world_camera", T_world_camera, "float32", (4, 4))
    return implementation("movers", depth_m).without_movers(
        space, known, depth_m, intrinsics, T_world_camera
    )
