"""Trilinear point query of the TSDF on CUDA; contract in `kernels.tsdf.query`."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.cell import locate
from kernels.cuda.launch import device, kernel, launch_over
from kernels.scalar.hashing import find
from kernels.scalar.interpolate import trilinear_gradient
from kernels.tsdf import TsdfGrid

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
UNKNOWN = np.float32(1e9)


@device
def corner_place(index, slot, lx, ly, lz, c):
    """Return slot, -1 for none, and voxel of corner c of a cell that begins in block `slot`."""
    x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
    d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
    neighbor = index.neighbors[np.uint64(slot), np.uint64(d)]  # always: a branch costs more
    s = slot if d == 0 else neighbor
    return s, ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)


@device
def read_corner(index, blocks, slot, lx, ly, lz, c):
    """Return the distance of corner c, in units; UNKNOWN where it is.

    Both are read whatever the slot is, so that the loads of all corners are under way at once.
    """
    s, voxel = corner_place(index, slot, lx, ly, lz, c)
    block, place = np.uint64(s if s >= 0 else slot), np.uint64(voxel)
    weight, sdf = blocks.weight[block, place], blocks.sdf[block, place]
    return np.float32(sdf) if (s >= 0) & (weight > 0) else UNKNOWN


@device
def read_cell(index, blocks, slot, lx, ly, lz):
    """Return the distances of a cell's corners, in units, as a tuple: it stays in registers."""
    return (
        read_corner(index, blocks, slot, lx, ly, lz, 0),
        read_corner(index, blocks, slot, lx, ly, lz, 1),
        read_corner(index, blocks, slot, lx, ly, lz, 2),
        read_corner(index, blocks, slot, lx, ly, lz, 3),
        read_corner(index, blocks, slot, lx, ly, lz, 4),
        read_corner(index, blocks, slot, lx, ly, lz, 5),
        read_corner(index, blocks, slot, lx, ly, lz, 6),
        read_corner(index, blocks, slot, lx, ly, lz, 7),
    )


@device
def is_known_cell(corner):
    """Whether all eight corners of `read_cell` are known."""
    low = max(corner[0], corner[1], corner[2], corner[3])
    high = max(corner[4], corner[5], corner[6], corner[7])
    return max(low, high) < UNKNOWN


@device
def sample(grid, x, y, z):
    """Interpolate a `TsdfGrid` at a world point in metres.

    Returns (is_known, sdf_m, gradient x, y, z); all 0 where it is not known.
    """
    per_voxel = ONE / grid.voxel_size_m
    bx, lx, fx = locate(x * per_voxel)
    by, ly, fy = locate(y * per_voxel)
    bz, lz, fz = locate(z * per_voxel)
    is_known = False
    sdf_m, gx, gy, gz = ZERO, ZERO, ZERO, ZERO
    slot = find(grid.blocks, bx, by, bz)
    if slot >= 0:
        corner = read_cell(grid.blocks, grid.voxels, slot, lx, ly, lz)
        if is_known_cell(corner):
            distance, dx, dy, dz = trilinear_gradient(corner, fx, fy, fz)
            slope = grid.sdf_unit_m * per_voxel
            is_known = True
            sdf_m = distance * grid.sdf_unit_m
            gx, gy, gz = dx * slope, dy * slope, dz * slope
    return is_known, sdf_m, gx, gy, gz


@kernel
def _query(grid, points, sdf_m, gradient, is_valid):
    i = cuda.grid(1)
    if i < points.shape[0]:
        is_known, distance_m, gx, gy, gz = sample(grid, points[i, 0], points[i, 1], points[i, 2])
        sdf_m[i] = distance_m
        gradient[i, 0] = gx
        gradient[i, 1] = gy
        gradient[i, 2] = gz
        is_valid[i] = is_known


def query(index, blocks, points, voxel_size_m, sdf_unit_m):
    num = points.shape[0]
    grid = TsdfGrid(index, blocks, np.float32(voxel_size_m), np.float32(sdf_unit_m))
    sdf_m, gradient = empty((num,), torch.float32), empty((num, 3), torch.float32)
    is_valid = empty((num,), torch.bool)
    launch_over(_query, num, grid, points, sdf_m, gradient, is_valid)
    return sdf_m, gradient, is_valid
