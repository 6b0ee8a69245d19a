"""Adding up the gradients by vertex, and the updates, on CUDA; contracts in
`kernels.field_update`.
"""

import math
from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import full, zeros
from kernels.cuda.field_cell import feature_of
from kernels.cuda.launch import device, kernel, launch_over
from kernels.field import (
    COLOR,
    CURVATURE,
    HIDDEN_COLOR,
    NUM_FEATURES,
    NUM_LEVELS,
    Touched,
)
from kernels.field_update import MEMORY, SQUARE_MEMORY
from kernels.scalar.bfloat16 import dither_of, dither_of_sum, dithers, narrow, widen
from kernels.scalar.cell import corner_weight
from kernels.scalar.field_cell import first_place, table_size

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
QUARTER = np.float32(0.25)
NUM_WEIGHTS = (NUM_FEATURES + 3) * HIDDEN_COLOR  # of the colour decoder
EPSILON = np.float32(1e-12)
FIRST_MEMORY, SECOND_MEMORY = np.float32(MEMORY), np.float32(SQUARE_MEMORY)


@device
def _place_of(table, row):
    """Return a vertex' place in a table of the touched, and take it if it has none."""
    size = table.shape[0]
    place = np.int64(first_place(row) & np.uint64(size - 1))
    while True:
        there = table[place]
        if there == -1:  # most are not: an exchange costs more
            there = cuda.atomic.cas(table, place, np.int32(-1), row)
        if there == -1 or there == row:
            return place
        place = (place + 1) & (size - 1)


@device
def _add(gradient, place, weight, d0, d1, d2, d3):
    """Add a sample's gradient to that of a vertex."""
    cuda.atomic.add(gradient, (place, 0), weight * d0)
    cuda.atomic.add(gradient, (place, 1), weight * d1)
    cuda.atomic.add(gradient, (place, 2), weight * d2)
    cuda.atomic.add(gradient, (place, 3), weight * d3)


@kernel
def _scatter(rows, fractions, d_features, curvature, touched, gradient):
    """A thread a corner of a sample's cell. The list of the touched is itself the table that finds
    their places: so nobody counts.
    """
    i = cuda.grid(1)
    num_samples = rows.shape[2]
    if i < NUM_LEVELS * 8 * num_samples:
        s = i % num_samples
        c = i // num_samples % 8
        l = i // num_samples // 8
        row = rows[l, c, s]
        if row >= 0:
            d0, d1 = d_features[l, 0, s], d_features[l, 1, s]
            d2, d3 = d_features[l, 2, s], d_features[l, 3, s]
            weight = corner_weight(c, fractions[l, 0, s], fractions[l, 1, s], fractions[l, 2, s])
            if l == COLOR:
                takes_part = curvature[s] != ZERO
            else:  # not known to be free
                takes_part = d0 != ZERO or d1 != ZERO or d2 != ZERO or d3 != ZERO
            if takes_part:
                place = _place_of(touched[l], row)
                _add(gradient[l], place, weight, d0, d1, d2, d3)
                if l == COLOR:
                    cuda.atomic.add(gradient[l], (place, CURVATURE), weight * curvature[s])


def scatter(rows, fractions, d_features, curvature):
    """Add the samples' gradients up by vertex; return the touched of each level, with gaps."""
    num_corners = 8 * rows.shape[2]
    shape = NUM_LEVELS, table_size(num_corners)
    touched: Any = full(shape, -1, torch.int32)
    gradient: Any = zeros((*shape, NUM_FEATURES + 1), torch.float32)
    launch_over(
        _scatter, NUM_LEVELS * num_corners, rows, fractions, d_features, curvature, touched,
        gradient,
    )  # fmt: skip
    return [Touched(*parts) for parts in zip(touched.unbind(), gradient.unbind(), strict=True)]


@kernel
def _smooth(features, touched, gradient, smoothness):
    """Add the pull of the neighbours in a block to the gradients."""
    i = cuda.grid(1)
    if i < touched.shape[0]:
        row = touched[i]
        if row >= 0:
            for q in range(NUM_FEATURES):
                here = feature_of(features, row, q)
                pull = ZERO
                for axis in range(3):
                    step = 1 << (6 - 3 * axis)
                    at = (row >> (6 - 3 * axis)) & 7
                    if at > 0:
                        pull += here - feature_of(features, row - step, q)
                    if at < 7:
                        pull += here - feature_of(features, row + step, q)
                gradient[i, q] += smoothness * pull


@device
def _move(features, block, vertex, gradient, i, step, bits):
    """Take a step against a vertex's gradient."""
    for q in range(NUM_FEATURES):
        value = widen(features[block, vertex, q]) - step * gradient[i, q]
        features[block, vertex, q] = narrow(value, dither_of(bits, q))


@kernel
def _adagrad(features, sums, touched, gradient, rate, seed):
    i = cuda.grid(1)
    if i < touched.shape[0]:
        row = touched[i]
        if row >= 0:
            block, vertex, bits = np.uint64(row >> 9), np.uint64(row & 511), dithers(seed[0], row)
            g0, g1, g2, g3 = gradient[i, 0], gradient[i, 1], gradient[i, 2], gradient[i, 3]
            total = widen(sums[block, vertex])
            total += QUARTER * (g0 * g0 + g1 * g1 + g2 * g2 + g3 * g3)
            sums[block, vertex] = narrow(total, dither_of_sum(bits))
            step = rate / (np.float32(math.sqrt(total)) + EPSILON)
            _move(features, block, vertex, gradient, i, step, bits)


def adagrad(level, touched, rate, smoothness, seed):
    rows, gradient = touched
    if smoothness > 0:  # a launch before: neighbours must not have moved yet
        gradient = gradient.clone()
        launch_over(_smooth, len(rows), level.features, rows, gradient, float(smoothness))
    launch_over(_adagrad, len(rows), level.features, level.sums, rows, gradient, float(rate), seed)


@kernel
def _relax(features, sums, touched, gradient, limit, prior, seed):
    i = cuda.grid(1)
    if i < touched.shape[0]:
        row = touched[i]
        if row >= 0:
            block, vertex, bits = np.uint64(row >> 9), np.uint64(row & 511), dithers(seed[0], row)
            curvature = widen(sums[block, vertex]) + gradient[i, CURVATURE]
            sums[block, vertex] = narrow(min(curvature, limit), dither_of_sum(bits))
            _move(features, block, vertex, gradient, i, ONE / (curvature + prior + EPSILON), bits)


def relax(level, touched, limit, prior, seed):
    launch_over(
        _relax, len(touched.rows), level.features, level.sums, *touched, float(limit),
        float(prior), seed,
    )  # fmt: skip


@device
def _adam_step(weight, gradient, first, second, i, j, rate):
    g = gradient[i, j]
    m = first[i, j] + FIRST_MEMORY * (g - first[i, j])
    v = second[i, j] + SECOND_MEMORY * (g * g - second[i, j])
    first[i, j], second[i, j] = m, v
    weight[i, j] -= rate * m / (math.sqrt(v) + EPSILON)


@kernel
def _adam(decoders, gradient, first, second, rate):
    """A thread a weight."""
    i = cuda.grid(1)
    if i < NUM_FEATURES * HIDDEN_COLOR:
        _adam_step(
            decoders.color_w1, gradient.color_w1, first.color_w1, second.color_w1,
            i // HIDDEN_COLOR, i % HIDDEN_COLOR, rate,
        )  # fmt: skip
    elif i < NUM_WEIGHTS:
        i -= NUM_FEATURES * HIDDEN_COLOR
        _adam_step(
            decoders.color_w2, gradient.color_w2, first.color_w2, second.color_w2,
            i // 3, i % 3, rate,
        )  # fmt: skip


def update_decoder(decoders, gradient, moments, rate):
    launch_over(_adam, NUM_WEIGHTS, decoders, gradient, *moments, float(rate))
