"""The cell of eight voxels or vertices round a point. Corner c has the bits x, y, z."""

import numpy as np

from kernels.scalar.compile import inline

ONE = np.float32(1.0)


@inline
def gather_cell(index, slot, lx, ly, lz, slots, voxels):
    """Write slot and voxel of the eight corners of a cell; slots are -1 where there is no block."""
    for c in range(8):
        x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
        d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
        slots[c] = slot if d == 0 else index.neighbors[slot, d]
        voxels[c] = ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)


@inline
def corner_weight(c, fx, fy, fz):
    """Return the trilinear weight of corner c."""
    weight = fx if c & 4 else ONE - fx
    weight *= fy if c & 2 else ONE - fy
    weight *= fz if c & 1 else ONE - fz
    return weight
