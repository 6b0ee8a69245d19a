"""Point evaluation of the neural field's colour in numba; contracts in `kernels.field`."""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.cpu.field_cell import NOWHERE, base_color, find_cell, interpolate
from kernels.field import NUM_FEATURES
from kernels.scalar.field_decode import as_byte, decode_color

ONE = np.float32(1.0)
CHUNK = 128


def color(field, points):
    level, base, decoders = field.color, field.base, field.decoders
    return _color(
        base.blocks, base.voxels.color, base.voxel_size_m, level.blocks, level.features,
        level.spacing_m, decoders.color_w1, decoders.color_w2, points,
    )  # fmt: skip


@parallel_kernel
def _color(base_index, base_rgbw, base_m, index, features, spacing_m, w1, w2, points):
    num_points = points.shape[0]
    rgb = np.zeros((num_points, 3), np.uint8)
    is_known = np.zeros(num_points, np.bool_)
    features = features.reshape(-1, NUM_FEATURES)
    per_base, per_spacing = ONE / base_m, ONE / spacing_m
    for part in prange((num_points + CHUNK - 1) // CHUNK):
        first = np.int64(part) * CHUNK
        x = np.empty((4, 1), np.float32)
        last_base = np.full(4, NOWHERE, np.int32)
        last = np.full(4, NOWHERE, np.int32)
        rows = np.empty(8, np.int32)
        for i in range(first, min(first + CHUNK, num_points)):
            found, fx, fy, fz = find_cell(
                base_index, points[i, 0] * per_base, points[i, 1] * per_base,
                points[i, 2] * per_base, last_base, rows,
            )  # fmt: skip
            if not found:
                continue
            is_known[i], red, green, blue = base_color(base_rgbw, rows, fx, fy, fz)
            if not is_known[i]:
                continue
            found, fx, fy, fz = find_cell(
                index, points[i, 0] * per_spacing, points[i, 1] * per_spacing,
                points[i, 2] * per_spacing, last, rows,
            )  # fmt: skip
            if found:
                interpolate(features, rows, fx, fy, fz, x, 0, 0)
                r, g, b = decode_color(w1, w2, x[0, 0], x[1, 0], x[2, 0], x[3, 0])
                red, green, blue = red + r, green + g, blue + b
            rgb[i, 0], rgb[i, 1], rgb[i, 2] = as_byte(red), as_byte(green), as_byte(blue)
    return rgb, is_known
