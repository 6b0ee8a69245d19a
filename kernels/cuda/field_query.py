"""Point evaluation of the neural field on CUDA; contracts in `kernels.field`."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.field_cell import (
    find_cell,
    interpolate,
    interpolate_taught,
    mean_with_slope,
    slope,
)
from kernels.cuda.launch import device, kernel, launch_over
from kernels.field import NUM_FEATURES
from kernels.scalar.field_decode import (
    HIDDEN,
    as_byte,
    decode,
    decode_color,
    decode_gradient,
    residual_gradient,
)

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@device
def sample(field, x, y, z):
    """Return whether the field is observed at a world point, its signed distance in metres, and
    the gradient (x, y, z); zeros where it is not.
    """
    w = field.decoders
    return sample_with(field, w.fine_w1, w.fine_w2, w.middle_w1, w.middle_w2, x, y, z)


@device
def load_decoders(decoders, t, num_threads, fine_w1, fine_w2, middle_w1, middle_w2):
    """Copy the decoders that `sample_with` takes into shared memory, by a block's threads."""
    for i in range(t, NUM_FEATURES * HIDDEN, num_threads):
        q, k = i // HIDDEN, i % HIDDEN
        middle_w1[q, k] = decoders.middle_w1[q, k]
        fine_w1[q, k] = decoders.fine_w1[q, k]
        fine_w1[q + NUM_FEATURES, k] = decoders.fine_w1[q + NUM_FEATURES, k]
    if t < HIDDEN:
        middle_w2[t] = decoders.middle_w2[t]
        fine_w2[t] = decoders.fine_w2[t]


@device
def sample_with(field, fine_w1, fine_w2, middle_w1, middle_w2, x, y, z):
    """Do `sample` with the field's decoders from elsewhere."""
    sdf_m, gx, gy, gz = ZERO, ZERO, ZERO, ZERO
    fine_cell = find_cell(field.fine, x, y, z, False)
    is_known, mean, mx, my, mz = mean_with_slope(field.mean, fine_cell)
    if is_known:
        middle_cell = find_cell(field.middle, x, y, z, False)
        x0, x1, x2, x3 = interpolate(field.fine, fine_cell)
        m0, m1, m2, m3 = interpolate(field.middle, middle_cell)
        g0, g1, g2, g3, d0, d1, d2, d3 = residual_gradient(
            fine_w1, fine_w2, x0, x1, x2, x3, m0, m1, m2, m3
        )
        unit = field.sdf_unit_m / field.truncation_m
        sdf_m = mean * unit
        if not field.is_seeded:
            unit = sdf_m = ZERO
            h0, h1, h2, h3 = decode_gradient(middle_w1, middle_w2, m0, m1, m2, m3)
            d0, d1, d2, d3 = d0 + h0, d1 + h1, d2 + h2, d3 + h3
        sdf_m += g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
        sdf_m += d0 * m0 + d1 * m1 + d2 * m2 + d3 * m3
        gx, gy, gz = slope(field.fine, fine_cell, g0, g1, g2, g3)
        per_spacing = ONE / field.fine.spacing_m
        gx, gy, gz = (gx + unit * mx), (gy + unit * my), (gz + unit * mz)
        gx, gy, gz = gx * per_spacing, gy * per_spacing, gz * per_spacing
        if middle_cell[0]:
            hx, hy, hz = slope(field.middle, middle_cell, d0, d1, d2, d3)
            per_spacing = ONE / field.middle.spacing_m
            gx, gy, gz = gx + hx * per_spacing, gy + hy * per_spacing, gz + hz * per_spacing
        truncation_m = field.truncation_m
        sdf_m, gx, gy, gz = (
            sdf_m * truncation_m, gx * truncation_m, gy * truncation_m, gz * truncation_m
        )  # fmt: skip
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


@kernel
def _predict(level, w1, w2, truncation_m, points, sdf_m, is_known):
    i = cuda.grid(1)
    if i < points.shape[0]:
        cell = find_cell(level, points[i, 0], points[i, 1], points[i, 2], False)
        x0, x1, x2, x3 = interpolate(level, cell)
        sdf_m[i] = decode(w1, w2, x0, x1, x2, x3) * truncation_m  # zeros decode to zero
        is_known[i] = cell[0]


def predict(field, points):
    num_points = points.shape[0]
    sdf_m, is_known = empty((num_points,), torch.float32), empty((num_points,), torch.bool)
    launch_over(
        _predict, num_points, field.coarse, field.decoders.coarse_w1, field.decoders.coarse_w2,
        field.coarse_truncation_m, points, sdf_m, is_known,
    )  # fmt: skip
    return sdf_m, is_known


@device
def sample_color(level, w1, w2, x, y, z):
    """Return whether the colour is known at a world point, and red, green and blue, uint8."""
    is_taught, _, x0, x1, x2, x3 = interpolate_taught(level, find_cell(level, x, y, z, True))
    red, green, blue = np.uint8(0), np.uint8(0), np.uint8(0)
    if is_taught:
        r, g, b = decode_color(w1, w2, x0, x1, x2, x3)
        red, green, blue = as_byte(r), as_byte(g), as_byte(b)
    return is_taught, red, green, blue


@kernel
def _color(level, w1, w2, points, rgb, is_known):
    i = cuda.grid(1)
    if i < points.shape[0]:
        is_taught, red, green, blue = sample_color(
            level, w1, w2, points[i, 0], points[i, 1], points[i, 2]
        )
        rgb[i, 0], rgb[i, 1], rgb[i, 2] = red, green, blue
        is_known[i] = is_taught


def color(field, points):
    num_points = points.shape[0]
    rgb, is_known = empty((num_points, 3), torch.uint8), empty((num_points,), torch.bool)
    launch_over(
        _color, num_points, field.color, field.decoders.color_w1, field.decoders.color_w2, points,
        rgb, is_known,
    )  # fmt: skip
    return rgb, is_known
