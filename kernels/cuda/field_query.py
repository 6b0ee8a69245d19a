"""Point evaluation of the neural field on CUDA; contracts in `kernels.field`."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.field_cell import base_color, base_with_slope, find_cell, interpolate, slope
from kernels.cuda.launch import device, kernel, launch_over
from kernels.scalar.field_decode import (
    as_byte,
    decode_color,
    residual_gradient,
)

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@device
def sample(field, x, y, z):
    """Return whether the field is observed at a world point, its signed distance in metres, and
    the gradient (x, y, z); zeros where it is not.
    """
    sdf_m, gx, gy, gz = ZERO, ZERO, ZERO, ZERO
    base, fine, middle, w = field.base, field.fine, field.middle, field.decoders
    base_cell = find_cell(base.blocks, base.voxel_size_m, x, y, z)
    is_known, value, bx, by, bz = base_with_slope(base.voxels, base_cell)
    if is_known:
        sdf_m = value * base.sdf_unit_m
        scale = base.sdf_unit_m / base.voxel_size_m
        gx, gy, gz = bx * scale, by * scale, bz * scale
        fine_cell = find_cell(fine.blocks, fine.spacing_m, x, y, z)
        if fine_cell[0]:
            middle_cell = find_cell(middle.blocks, middle.spacing_m, x, y, z)
            x0, x1, x2, x3 = interpolate(fine, fine_cell)
            m0, m1, m2, m3 = interpolate(middle, middle_cell)
            g0, g1, g2, g3, d0, d1, d2, d3 = residual_gradient(
                w.fine_w1, w.fine_w2, x0, x1, x2, x3, m0, m1, m2, m3
            )
            residual = g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
            residual += d0 * m0 + d1 * m1 + d2 * m2 + d3 * m3
            sdf_m += residual * field.truncation_m
            hx, hy, hz = slope(fine, fine_cell, g0, g1, g2, g3)
            scale = field.truncation_m / fine.spacing_m
            gx, gy, gz = gx + hx * scale, gy + hy * scale, gz + hz * scale
            if middle_cell[0]:
                hx, hy, hz = slope(middle, middle_cell, d0, d1, d2, d3)
                scale = field.truncation_m / middle.spacing_m
                gx, gy, gz = gx + hx * scale, gy + hy * scale, gz + hz * scale
    return is_known, sdf_m, gx, gy, gz


@kernel
def _query(field, points, sdf_m, gradient, is_valid):
    i = cuda.grid(1)
    if i < points.shape[0]:
        is_known, sdf, gx, gy, gz = sample(field, points[i, 0], points[i, 1], points[i, 2])
        sdf_m[i] = sdf
        gradient[i, 0], gradient[i, 1], gradient[i, 2] = gx, gy, gz
        is_valid[i] = is_known


def query(field, points):
    num_points = points.shape[0]
    sdf_m, gradient = empty((num_points,), torch.float32), empty((num_points, 3), torch.float32)
    is_valid = empty((num_points,), torch.bool)
    launch_over(_query, num_points, field, points, sdf_m, gradient, is_valid)
    return sdf_m, gradient, is_valid


@device
def sample_color(field, x, y, z):
    """Return whether the colour is known at a world point, and red, green and blue, uint8."""
    base, level, decoders = field.base, field.color, field.decoders
    base_cell = find_cell(base.blocks, base.voxel_size_m, x, y, z)
    is_known, r, g, b = base_color(base.voxels, base_cell)
    red, green, blue = np.uint8(0), np.uint8(0), np.uint8(0)
    if is_known:
        cell = find_cell(level.blocks, level.spacing_m, x, y, z)
        x0, x1, x2, x3 = interpolate(level, cell)  # zeros decode to nothing
        dr, dg, db = decode_color(decoders.color_w1, decoders.color_w2, x0, x1, x2, x3)
        red, green, blue = as_byte(r + dr), as_byte(g + dg), as_byte(b + db)
    return is_known, red, green, blue


@kernel
def _color(field, points, rgb, is_known):
    i = cuda.grid(1)
    if i < points.shape[0]:
        has_color, red, green, blue = sample_color(field, points[i, 0], points[i, 1], points[i, 2])
        rgb[i, 0], rgb[i, 1], rgb[i, 2] = red, green, blue
        is_known[i] = has_color


def color(field, points):
    num_points = points.shape[0]
    rgb, is_known = empty((num_points, 3), torch.uint8), empty((num_points,), torch.bool)
    launch_over(_color, num_points, field, points, rgb, is_known)
    return rgb, is_known
