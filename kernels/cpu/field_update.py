"""Adding up the gradients by vertex, and the vertices' updates, in numba; contracts in
`kernels.field_update`.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.field import (
    COLOR,
    CURVATURE,
    NUM_FEATURES,
    NUM_LEVELS,
)
from kernels.reference.field_update import update_decoder  # of 112 weights: NumPy is fast enough
from kernels.scalar.bfloat16 import dither_of, dither_of_sum, dithers, narrow, widen
from kernels.scalar.cell import corner_weight
from kernels.scalar.field_cell import first_place

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
QUARTER = np.float32(0.25)
EPSILON = np.float32(1e-12)
NO_ROW, ONE_ROW, LAST = np.uint64(0), np.uint64(1), np.uint64(7)


@kernel
def _scatter(l, rows, fractions, d_features, curvature, table, touched, gradient):
    """Add the samples' gradients up by vertex; return how many were touched. `table` finds their
    places in the list: open addressing, 0 = free.
    """
    mask = np.uint64(table.shape[0] - 1)
    num_touched = 0
    for s in range(rows.shape[1]):
        if rows[l, s, 0] < 0:
            continue
        d0, d1 = d_features[s, 4 * l], d_features[s, 4 * l + 1]
        d2, d3 = d_features[s, 4 * l + 2], d_features[s, 4 * l + 3]
        bend = ZERO
        if l == COLOR:
            bend = curvature[s]
            if bend == ZERO:
                continue
        elif d0 == ZERO and d1 == ZERO and d2 == ZERO and d3 == ZERO:
            continue  # free space that is known to be free
        fx, fy, fz = fractions[l, s, 0], fractions[l, s, 1], fractions[l, s, 2]
        for c in range(8):
            row = rows[l, s, c]
            weight = corner_weight(c, fx, fy, fz)
            place = first_place(row) & mask
            while table[place] != 0 and touched[np.uint64(table[place] - 1)] != row:
                place = (place + np.uint64(1)) & mask
            if table[place] == 0:
                touched[num_touched] = row
                for q in range(NUM_FEATURES + 1):
                    gradient[num_touched, q] = ZERO
                num_touched += 1
                table[place] = num_touched
            i = np.uint64(table[place] - 1)
            gradient[i, 0] += weight * d0
            gradient[i, 1] += weight * d1
            gradient[i, 2] += weight * d2
            gradient[i, 3] += weight * d3
            gradient[i, CURVATURE] += weight * bend
    return num_touched


@parallel_kernel
def scatter_all(
    rows, fractions, d_features, curvature, tables, touched, gradients, num_touched
):  # fmt: skip
    for part in prange(NUM_LEVELS):
        l = np.int64(part)
        num_touched[l] = _scatter(
            l, rows, fractions, d_features, curvature, tables[l], touched[l], gradients[l]
        )


@parallel_kernel
def _smooth(features, rows, gradient, smoothness):
    """Return the gradient with the differences to the neighbours in the block added. A missing
    neighbour is the vertex itself, so that there is no branch.
    """
    features = features.reshape(-1, NUM_FEATURES)
    smooth = np.empty_like(gradient)
    for part in prange(rows.shape[0]):
        i = np.int64(part)
        row = np.uint64(rows[i])
        h0, h1 = widen(features[row, 0]), widen(features[row, 1])
        h2, h3 = widen(features[row, 2]), widen(features[row, 3])
        p0, p1, p2, p3 = ZERO, ZERO, ZERO, ZERO
        for axis in range(3):
            shift = np.uint64(6 - 3 * axis)
            at = (row >> shift) & LAST
            below = row - ((ONE_ROW if at > NO_ROW else NO_ROW) << shift)
            above = row + ((ONE_ROW if at < LAST else NO_ROW) << shift)
            p0 += h0 - widen(features[below, 0])
            p1 += h1 - widen(features[below, 1])
            p2 += h2 - widen(features[below, 2])
            p3 += h3 - widen(features[below, 3])
            p0 += h0 - widen(features[above, 0])
            p1 += h1 - widen(features[above, 1])
            p2 += h2 - widen(features[above, 2])
            p3 += h3 - widen(features[above, 3])
        smooth[i, 0] = gradient[i, 0] + smoothness * p0
        smooth[i, 1] = gradient[i, 1] + smoothness * p1
        smooth[i, 2] = gradient[i, 2] + smoothness * p2
        smooth[i, 3] = gradient[i, 3] + smoothness * p3
        smooth[i, CURVATURE] = gradient[i, CURVATURE]
    return smooth


@parallel_kernel
def _adagrad(features, sums, rows, gradient, rate, seed):
    features, sums = features.reshape(-1, NUM_FEATURES), sums.reshape(-1)
    for part in prange(rows.shape[0]):
        i = np.int64(part)
        row = np.uint64(rows[i])
        bits = dithers(seed, row)
        square = ZERO
        for q in range(NUM_FEATURES):
            square += gradient[i, q] * gradient[i, q]
        total = widen(sums[row]) + QUARTER * square
        sums[row] = narrow(total, dither_of_sum(bits))
        step = rate / (np.sqrt(total) + EPSILON)
        for q in range(NUM_FEATURES):
            value = widen(features[row, q]) - step * gradient[i, q]
            features[row, q] = narrow(value, dither_of(bits, q))


def adagrad(level, touched, rate, smoothness, seed):
    rows, gradient = touched
    if smoothness > 0:  # all of it first: neighbours must not have moved yet
        gradient = _smooth(level.features, rows, gradient, np.float32(smoothness))
    _adagrad(level.features, level.sums, rows, gradient, np.float32(rate), seed[0])


@parallel_kernel
def _relax(features, sums, rows, gradient, limit, prior, seed):
    features, sums = features.reshape(-1, NUM_FEATURES), sums.reshape(-1)
    for part in prange(rows.shape[0]):
        i = np.int64(part)
        row = np.uint64(rows[i])
        bits = dithers(seed, row)
        curvature = widen(sums[row]) + gradient[i, CURVATURE]
        sums[row] = narrow(min(curvature, limit), dither_of_sum(bits))
        per_curvature = ONE / (curvature + prior + EPSILON)
        for q in range(NUM_FEATURES):
            value = widen(features[row, q]) - gradient[i, q] * per_curvature
            features[row, q] = narrow(value, dither_of(bits, q))


def relax(level, touched, limit, prior, seed):
    rows, gradient = touched
    limit, prior = np.float32(limit), np.float32(prior)
    _relax(level.features, level.sums, rows, gradient, limit, prior, seed[0])


__all__ = ["adagrad", "relax", "scatter_all", "update_decoder"]
