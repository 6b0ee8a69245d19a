"""Looking up and interpolating the samples of a chunk of rays on one level, in numba."""

import numpy as np

from kernels.cpu.field_cell import NOWHERE, base_color, base_distance, find_cell, interpolate
from kernels.field import NUM_BAND, NUM_FEATURES, NUM_SAMPLES
from kernels.scalar.compile import subroutine

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@subroutine
def gather(index, features, spacing_m, l, points, first, n, x, rows, fractions, end):
    """Look up and interpolate the first `end` samples of each ray; rows[l, i, 0] is -1 where the
    level is not there.
    """
    per_spacing = ONE / spacing_m
    last = np.full(4, NOWHERE, np.int32)
    cell = np.empty(8, np.int32)
    for i in range(n):
        s = first + i
        rows[l, s, 0] = -1
        found = False
        if i % NUM_SAMPLES < end:
            found, fx, fy, fz = find_cell(
                index, points[s, 0] * per_spacing, points[s, 1] * per_spacing,
                points[s, 2] * per_spacing, last, cell,
            )  # fmt: skip
            if found:
                for c in range(8):
                    rows[l, s, c] = cell[c]
                fractions[l, s, 0], fractions[l, s, 1], fractions[l, s, 2] = fx, fy, fz
                interpolate(features, cell, fx, fy, fz, x, l * NUM_FEATURES, i)
        if not found:
            for q in range(NUM_FEATURES):
                x[l * NUM_FEATURES + q, i] = ZERO


@subroutine
def gather_base(index, voxels, spacing_m, unit, points, first, n, known, out, has_color, rgb):
    """Look up and interpolate distance, in truncations, and colour of the base; the latter of the
    band samples alone.
    """
    per_spacing = ONE / spacing_m
    sdf, weight = voxels.sdf.reshape(-1), voxels.weight.reshape(-1)
    last = np.full(4, NOWHERE, np.int32)
    cell = np.empty(8, np.int32)
    for i in range(n):
        s = first + i
        known[i], has_color[i], out[i] = False, False, ZERO
        rgb[0, i], rgb[1, i], rgb[2, i] = ZERO, ZERO, ZERO
        found, fx, fy, fz = find_cell(
            index, points[s, 0] * per_spacing, points[s, 1] * per_spacing,
            points[s, 2] * per_spacing, last, cell,
        )  # fmt: skip
        if found:
            known[i], distance = base_distance(sdf, weight, cell, fx, fy, fz)
            out[i] = distance * unit
            if known[i] and i % NUM_SAMPLES < NUM_BAND:
                has_color[i], rgb[0, i], rgb[1, i], rgb[2, i] = base_color(
                    voxels.color, cell, fx, fy, fz
                )
