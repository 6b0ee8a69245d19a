"""Colour of the TSDF map at points."""

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from kernels import blocks as block_ops
from kernels.blocks import BlockIndex
from kernels.tsdf import TsdfBlocks


def nearest_voxels(
    points: Float32[np.ndarray, "n 3"], voxel_size_m: float
) -> tuple[Int32[np.ndarray, "n 3"], Int32[np.ndarray, "n"]]:
    """Return the block of the voxel nearest to each point, and the voxel's number in it."""
    voxels = np.round(points / np.float32(voxel_size_m)).astype(np.int32)
    x, y, z = (voxels & 7).T
    return np.ascontiguousarray(voxels >> 3), x * 64 + y * 8 + z


def nearest_colors(
    index: BlockIndex,
    blocks: TsdfBlocks,
    voxel_size_m: float,
    points: Float32[np.ndarray, "n 3"],
) -> UInt8[np.ndarray, "n 4"]:
    """Return red, green, blue and weight of the voxel nearest to each point."""
    coords, numbers = nearest_voxels(points, voxel_size_m)
    slots = block_ops.find_blocks(index, coords)
    return np.where(slots[:, None] >= 0, blocks.color[slots, :, numbers], np.uint8(0))
