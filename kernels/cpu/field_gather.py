"""Looking up and interpolating the samples of a chunk of rays on one level, in numba."""

import numpy as np

from kernels.cpu.field_cell import NOWHERE, find_cell, interpolate, interpolate_taught
from kernels.field import COLOR, NUM_FEATURES, NUM_SAMPLES
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@inline
def gather(index, records, spacing_m, l, points, first, n, x, rows, fractions, end):
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
                points[s, 2] * per_spacing, last, cell, l == COLOR,
            )  # fmt: skip
            if found:
                for c in range(8):
                    rows[l, s, c] = cell[c]
                fractions[l, s, 0], fractions[l, s, 1], fractions[l, s, 2] = fx, fy, fz
                if l == COLOR:
                    interpolate_taught(records, cell, fx, fy, fz, x, l * NUM_FEATURES, i)
                else:
                    interpolate(records, cell, fx, fy, fz, x, l * NUM_FEATURES, i)
        if not found:
            for q in range(NUM_FEATURES):
                x[l * NUM_FEATURES + q, i] = ZERO
