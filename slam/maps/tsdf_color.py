"""Colour of the TSDF map at points."""

import numpy as np
from jaxtyping import Float32, UInt8

from kernels import blocks as block_ops
from kernels.blocks import BlockIndex
from kernels.tsdf import TsdfBlocks


def nearest_colors(
    index: BlockIndex,
    blocks: TsdfBlocks,
    voxel_size_m: float,
    points: Float32[np.ndarray, "n 3"],
) -> UInt8[np.ndarray, "n 4"]:
    """Return red, green, blue and weight of the voxel nearest to each point."""
    voxels = np.round(points / np.float32(voxel_size_m)).astype(np.int32)
    slots = block_ops.find_blocks(index, np.ascontiguousarray(voxels >> 3))
    x, y, z = (voxels & 7).T
    colors = blocks.color[slots, :, x * 64 + y * 8 + z]
    return np.where(slots[:, None] >= 0, colors, np.uint8(0))
