"""Trilinear point query of the TSDF in numba; contract in `kernels.tsdf.query`."""

import numpy as np
from numba import prange

from kernels.cpu.cell import locate
from kernels.cpu.compile import parallel_kernel
from kernels.scalar.cell import gather_cell
from kernels.scalar.hashing import find
from kernels.scalar.interpolate import trilinear_gradient

NUM_CHUNKS = 16  # units of parallel work, whatever the number of threads


@parallel_kernel
def query(index, blocks, points, voxel_size_m, sdf_unit_m):
    num_points = points.shape[0]
    sdf_m = np.zeros(num_points, np.float32)
    gradient = np.zeros((num_points, 3), np.float32)
    is_valid = np.zeros(num_points, np.bool_)
    per_voxel = np.float32(1.0 / voxel_size_m)
    unit = np.float32(sdf_unit_m)
    slope = unit * per_voxel
    for part in prange(NUM_CHUNKS):
        chunk = np.int64(part)
        corner = np.empty(8, np.float32)
        slots = np.empty(8, np.int32)
        voxels = np.empty(8, np.int32)
        last_x, last_y, last_z = np.int32(1 << 30), np.int32(0), np.int32(0)
        slot = np.int32(-1)
        first = chunk * num_points // NUM_CHUNKS
        last = (chunk + 1) * num_points // NUM_CHUNKS
        for i in range(first, last):
            bx, lx, fx = locate(points[i, 0] * per_voxel)
            by, ly, fy = locate(points[i, 1] * per_voxel)
            bz, lz, fz = locate(points[i, 2] * per_voxel)
            if bx != last_x or by != last_y or bz != last_z:
                slot = find(index, bx, by, bz)
                last_x, last_y, last_z = bx, by, bz
            if slot < 0:
                continue
            known = True
            if lx < 7 and ly < 7 and lz < 7:
                first_voxel = (lx << 6) | (ly << 3) | lz
                for c in range(8):
                    voxel = first_voxel + ((c >> 2) << 6) + (((c >> 1) & 1) << 3) + (c & 1)
                    corner[c] = np.float32(blocks.sdf[slot, voxel])
                    known = known and blocks.weight[slot, voxel] > 0
            else:
                gather_cell(index, slot, lx, ly, lz, slots, voxels)
                for c in range(8):
                    if slots[c] < 0:
                        known = False
                        break
                    corner[c] = np.float32(blocks.sdf[slots[c], voxels[c]])
                    known = known and blocks.weight[slots[c], voxels[c]] > 0
            if not known:
                continue
            distance, gx, gy, gz = trilinear_gradient(corner, fx, fy, fz)
            sdf_m[i] = distance * unit
            gradient[i, 0] = gx * slope
            gradient[i, 1] = gy * slope
            gradient[i, 2] = gz * slope
            is_valid[i] = True
    return sdf_m, gradient, is_valid
