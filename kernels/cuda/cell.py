"""Where a point lies among the cells of a grid; see `kernels.cpu.cell`."""

import math

import numpy as np

from kernels.cuda.launch import device


@device
def locate(x):
    """Split a voxel coordinate into block, voxel in the block, and fraction."""
    floor = np.float32(math.floor(x))
    i = np.int32(floor)
    return i >> 3, i & 7, x - floor
