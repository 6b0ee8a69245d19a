"""Adding up the gradients by vertex, and the updates, on CUDA; contracts in `kernels.field`."""

import math

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.field_cell import record_of
from kernels.cuda.launch import device, kernel, launch_over
from kernels.field import (
    COARSE,
    COLOR,
    CURVATURE,
    FEATURES,
    FINE,
    GRADIENT,
    HIDDEN_COLOR,
    MEMORY,
    MIDDLE,
    NUM_FEATURES,
    SQUARE_MEMORY,
    SUM,
)
from kernels.scalar.cell import corner_weight

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
NUM_WEIGHTS = (NUM_FEATURES + 3) * HIDDEN_COLOR  # of the colour decoder
EPSILON = np.float32(1e-12)
FIRST_MEMORY, SECOND_MEMORY = np.float32(MEMORY), np.float32(SQUARE_MEMORY)


@device
def _add(level, row, weight, d0, d1, d2, d3):
    """Add a sample's gradient to a vertex; return whether it is the first to touch that."""
    block, vertex = np.uint64(row >> 9), np.uint64(row & 511)
    record = level.vertices[block, vertex]
    cuda.atomic.add(record, GRADIENT, weight * d0)
    cuda.atomic.add(record, GRADIENT + 1, weight * d1)
    cuda.atomic.add(record, GRADIENT + 2, weight * d2)
    cuda.atomic.add(record, GRADIENT + 3, weight * d3)
    is_first = False
    if level.marks[block, vertex] == 0:  # most are not: an exchange costs more
        is_first = cuda.atomic.exch(level.marks, (block, vertex), np.int32(1)) == 0
    return is_first


@kernel
def _scatter(field, rows, fractions, d_features, curvature, touched):
    """A thread a corner of a sample's cell. It alone writes its place in the list of the touched:
    so that is written in full, and nobody counts.
    """
    i = cuda.grid(1)
    num_samples = rows.shape[2]
    if i < 4 * 8 * num_samples:
        s = i % num_samples
        c = i // num_samples % 8
        l = i // num_samples // 8
        row = rows[l, c, s]
        is_first = False
        if row >= 0:
            d0, d1 = d_features[l, 0, s], d_features[l, 1, s]
            d2, d3 = d_features[l, 2, s], d_features[l, 3, s]
            weight = corner_weight(c, fractions[l, 0, s], fractions[l, 1, s], fractions[l, 2, s])
            if l == COLOR:
                if curvature[s] != ZERO:
                    is_first = _add(field.color, row, weight, d0, d1, d2, d3)
                    record = record_of(field.color.vertices, row)
                    cuda.atomic.add(record, CURVATURE, weight * curvature[s])
            elif d0 != ZERO or d1 != ZERO or d2 != ZERO or d3 != ZERO:  # not known to be free
                if l == COARSE:
                    is_first = _add(field.coarse, row, weight, d0, d1, d2, d3)
                elif l == MIDDLE:
                    is_first = _add(field.middle, row, weight, d0, d1, d2, d3)
                elif l == FINE:
                    is_first = _add(field.fine, row, weight, d0, d1, d2, d3)
        touched[l, c * num_samples + s] = row if is_first else np.int32(-1)


def scatter(field, rows, fractions, d_features, curvature):
    """Add the samples' gradients to the vertices; return those touched first, int32 (4, 8 n), -1 in
    between.
    """
    touched = empty((4, 8 * rows.shape[2]), torch.int32)
    launch_over(
        _scatter, touched.numel(), field, rows, fractions, d_features, curvature, touched,
    )  # fmt: skip
    return touched


@kernel
def _smooth(vertices, touched, smoothness):
    """Add the pull of the neighbours in a block to the gradients."""
    i = cuda.grid(1)
    if i < touched.shape[0]:
        row = touched[i]
        if row >= 0:
            record = record_of(vertices, row)
            for q in range(NUM_FEATURES):
                here = record[FEATURES + q]
                pull = ZERO
                for axis in range(3):
                    step = 1 << (6 - 3 * axis)
                    at = (row >> (6 - 3 * axis)) & 7
                    if at > 0:
                        pull += here - record_of(vertices, row - step)[FEATURES + q]
                    if at < 7:
                        pull += here - record_of(vertices, row + step)[FEATURES + q]
                record[GRADIENT + q] += smoothness * pull


@kernel
def _adagrad(level, touched, rate):
    i = cuda.grid(1)
    if i < touched.shape[0]:
        row = touched[i]
        if row >= 0:
            level.marks[np.uint64(row >> 9), np.uint64(row & 511)] = 0
            record = record_of(level.vertices, row)
            for q in range(NUM_FEATURES):
                g = record[GRADIENT + q]
                total = record[SUM + q] + g * g
                record[GRADIENT + q] = ZERO
                record[SUM + q] = total
                record[FEATURES + q] -= rate * g / (math.sqrt(total) + EPSILON)


def adagrad(level, touched, rate, smoothness):
    if smoothness > 0:  # a launch before: neighbours must not have moved yet
        launch_over(_smooth, len(touched), level.vertices, touched, float(smoothness))
    launch_over(_adagrad, len(touched), level, touched, float(rate))


@kernel
def _relax(level, touched, limit, prior):
    i = cuda.grid(1)
    if i < touched.shape[0]:
        row = touched[i]
        if row >= 0:
            level.marks[np.uint64(row >> 9), np.uint64(row & 511)] = 0
            record = record_of(level.vertices, row)
            curvature = record[CURVATURE]
            per_curvature = ONE / (curvature + prior + EPSILON)
            record[CURVATURE] = min(curvature, limit)
            for q in range(NUM_FEATURES):
                record[FEATURES + q] -= record[GRADIENT + q] * per_curvature
                record[GRADIENT + q] = ZERO


def relax(level, touched, limit, prior):
    launch_over(_relax, len(touched), level, touched, float(limit), float(prior))


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
