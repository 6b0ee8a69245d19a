"""Movers on CUDA; contracts in `kernels.movers`. Nothing is read back."""

import numpy as np
import torch
from numba import cuda

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.cuda.arrays import empty, zeros
from kernels.cuda.launch import kernel, launch_over
from kernels.cuda.query import sample
from kernels.movers import ANY_LENGTH_M, FREE_M, LATTICE, MEMORY, SPACING_M, TRUNCATION_M
from kernels.scalar.align import transformed

ZERO = np.float32(0.0)
FREE, NEAR_SURFACE = np.float32(FREE_M), np.float32(0.5 * SPACING_M)
MIDDLE = LATTICE // 2  # of a square


def remember(space, depth_m, intrinsics, T_world_camera, T_camera_world, stamp):
    h, w = depth_m.shape
    middle_m = torch.where(depth_m > 0, 0.5 * (depth_m + TRUNCATION_M), 0.0)
    num_visible = block_ops.touch_band(
        space.grid.blocks, middle_m, intrinsics, T_world_camera, 8 * SPACING_M, space.whole_ray,
        ANY_LENGTH_M, 2 * LATTICE, space.stamps, stamp, space.visible,
    )  # fmt: skip
    readings = torch.cat([depth_m.flatten(), depth_m.new_zeros(1)])
    facing = zeros((h // 4, w // 4, 3), torch.float32)
    facing[:, :, 2] = 1.0
    tsdf_ops.integrate(
        space.grid.blocks, space.grid.voxels, space.visible, readings, facing,
        empty((0,), torch.uint32), (h, w), intrinsics, T_camera_world, SPACING_M,
        float(space.grid.sdf_unit_m), space.noise, (TRUNCATION_M, TRUNCATION_M), MEMORY,
        space.dither, num_visible,
    )  # fmt: skip


@kernel
def _find(free, known, depth_m, K, T, is_free):
    """Test the reading in the middle of each square."""
    i = cuda.grid(1)
    columns = is_free.shape[1]
    if i < is_free.shape[0] * columns:
        row, column = i // columns, i % columns
        v, u = row * LATTICE + MIDDLE, column * LATTICE + MIDDLE
        z = depth_m[v, u]
        is_in_the_open = False
        if z > ZERO:
            x, y = (np.float32(u) - K[2]) / K[0] * z, (np.float32(v) - K[3]) / K[1] * z
            x, y, z = transformed(T, x, y, z)
            is_remembered, distance_m, _, _, _ = sample(free, x, y, z)
            if is_remembered and distance_m > FREE:
                is_known, surface_m, _, _, _ = sample(known, x, y, z)
                is_in_the_open = not (is_known and abs(surface_m) < NEAR_SURFACE)
        is_free[row, column] = 1 if is_in_the_open else 0


@kernel
def _leave_out(depth_m, is_free, kept):
    i = cuda.grid(1)
    w = depth_m.shape[1]
    if i < depth_m.shape[0] * w:
        v, u = i // w, i % w
        row, column = v // LATTICE, u // LATTICE
        rows, columns = is_free.shape
        is_mover = np.uint8(0)
        if row < rows and column < columns:  # beside them nothing was tested
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                for c in range(max(column - 1, 0), min(column + 2, columns)):
                    is_mover |= is_free[r, c]
        kept[v, u] = ZERO if is_mover else depth_m[v, u]


def without_movers(space, known, depth_m, intrinsics, T_world_camera):
    rows, columns = (len(range(MIDDLE, size, LATTICE)) for size in depth_m.shape)
    is_free = empty((rows, columns), torch.uint8)
    launch_over(
        _find, rows * columns, space.grid, known, depth_m, intrinsics, T_world_camera, is_free
    )
    kept = empty(tuple(depth_m.shape), torch.float32)
    launch_over(_leave_out, depth_m.numel(), depth_m, is_free, kept)
    return kept
