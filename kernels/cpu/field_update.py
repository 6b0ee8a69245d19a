"""Adding up the gradients by vertex, and the vertices' updates, in numba; contracts in
`kernels.field`.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.field import (
    COARSE,
    COLOR,
    CURVATURE,
    FEATURES,
    FINE,
    GRADIENT,
    MIDDLE,
    NUM_FEATURES,
    RECORD,
    SUM,
)
from kernels.scalar.cell import corner_weight

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
EPSILON = np.float32(1e-12)


@kernel
def _scatter(vertices, marks, l, rows, fractions, d_features, curvature, touched):
    """Add the samples' gradients to the vertices; return how many were touched."""
    records = vertices.reshape(-1, RECORD)
    marks = marks.reshape(-1)
    num_touched = 0
    for s in range(rows.shape[1]):
        if rows[l, s, 0] < 0:
            continue
        d0, d1 = d_features[s, 4 * l], d_features[s, 4 * l + 1]
        d2, d3 = d_features[s, 4 * l + 2], d_features[s, 4 * l + 3]
        if l == COLOR:
            if curvature[s] == ZERO:
                continue
        elif d0 == ZERO and d1 == ZERO and d2 == ZERO and d3 == ZERO:
            continue  # free space that is known to be free
        fx, fy, fz = fractions[l, s, 0], fractions[l, s, 1], fractions[l, s, 2]
        for c in range(8):
            row = np.uint64(rows[l, s, c])
            weight = corner_weight(c, fx, fy, fz)
            if marks[row] == 0:
                marks[row] = 1
                touched[num_touched] = rows[l, s, c]
                num_touched += 1
            if l == COLOR:
                records[row, CURVATURE] += weight * curvature[s]
            records[row, GRADIENT] += weight * d0
            records[row, GRADIENT + 1] += weight * d1
            records[row, GRADIENT + 2] += weight * d2
            records[row, GRADIENT + 3] += weight * d3
    return num_touched


@parallel_kernel
def scatter_all(
    coarse, coarse_marks, middle, middle_marks, fine, fine_marks, color, color_marks,
    rows, fractions, d_features, curvature, touched, num_touched,
):  # fmt: skip
    for part in prange(4):
        l = np.int64(part)
        out = touched[l]
        if l == COARSE:
            num = _scatter(coarse, coarse_marks, l, rows, fractions, d_features, curvature, out)
        elif l == MIDDLE:
            num = _scatter(middle, middle_marks, l, rows, fractions, d_features, curvature, out)
        elif l == FINE:
            num = _scatter(fine, fine_marks, l, rows, fractions, d_features, curvature, out)
        else:
            num = _scatter(color, color_marks, l, rows, fractions, d_features, curvature, out)
        num_touched[l] = num


@parallel_kernel
def _adagrad(vertices, marks, touched, rate, smoothness):
    records = vertices.reshape(-1, RECORD)
    marks = marks.reshape(-1)
    if smoothness > ZERO:
        for part in prange(touched.shape[0]):
            row = touched[np.int64(part)]
            for axis in range(3):
                shift = 6 - 3 * axis
                at = (row >> shift) & 7
                for q in range(NUM_FEATURES):
                    here = records[row, FEATURES + q]
                    if at > 0:
                        below = records[row - (1 << shift), FEATURES + q]
                        records[row, GRADIENT + q] += smoothness * (here - below)
                    if at < 7:
                        above = records[row + (1 << shift), FEATURES + q]
                        records[row, GRADIENT + q] += smoothness * (here - above)
    for part in prange(touched.shape[0]):
        row = np.uint64(touched[np.int64(part)])
        marks[row] = 0
        for q in range(NUM_FEATURES):
            g = records[row, GRADIENT + q]
            records[row, GRADIENT + q] = ZERO
            total = records[row, SUM + q] + g * g
            records[row, SUM + q] = total
            records[row, FEATURES + q] -= rate * g / (np.sqrt(total) + EPSILON)


def adagrad(level, touched, rate, smoothness):
    _adagrad(level.vertices, level.marks, touched, np.float32(rate), np.float32(smoothness))


@parallel_kernel
def _relax(vertices, marks, touched, limit, prior):
    records = vertices.reshape(-1, RECORD)
    marks = marks.reshape(-1)
    for part in prange(touched.shape[0]):
        row = np.uint64(touched[np.int64(part)])
        marks[row] = 0
        curvature = records[row, CURVATURE]
        records[row, CURVATURE] = min(curvature, limit)
        per_curvature = ONE / (curvature + prior + EPSILON)
        for q in range(NUM_FEATURES):
            records[row, FEATURES + q] -= records[row, GRADIENT + q] * per_curvature
            records[row, GRADIENT + q] = ZERO


def relax(level, touched, limit, prior):
    _relax(level.vertices, level.marks, touched, np.float32(limit), np.float32(prior))
