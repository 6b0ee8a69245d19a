"""The training step of the neural field on CUDA; contracts in `kernels.field`.

One launch evaluates the losses and their gradients by the features, a thread a sample and a block
RAYS rays, which keeps the decoders in shared memory. A second one adds the gradients up by vertex
(`kernels.cuda.field_update`).
"""

from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty, zeros
from kernels.cuda.field_cell import find_cell, interpolate, interpolate_taught, mean_with_slope
from kernels.cuda.field_update import adagrad, new_moments, relax, scatter, update_decoder
from kernels.cuda.launch import device, kernel, launch
from kernels.field import (
    BELL_WIDTH,
    COARSE,
    COLOR,
    FINE,
    FREE_COARSE,
    MIDDLE,
    NUM_BAND,
    NUM_FEATURES,
    NUM_SAMPLES,
    DecoderGradient,
    Losses,
)
from kernels.scalar.field_decode import (
    HIDDEN,
    HIDDEN_COLOR,
    decode_color,
    decode_gradient,
    residual_gradient,
)

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
MINUS_FOUR = np.float32(-4.0)
PER_BELL = np.float32(1.0 / BELL_WIDTH)
FREE = np.float32(FREE_COARSE)
RAYS = 32
THREADS = RAYS * NUM_SAMPLES
NUM_LOSSES = 6
PARTS = THREADS // HIDDEN_COLOR  # of the samples of a block, to sum over by parts
PART = THREADS // PARTS
NUM_COLOR = 7  # of a sample: four features, and the gradient by three colours
FIRST_W1 = NUM_LOSSES  # of the sums over all samples
FIRST_W2 = FIRST_W1 + NUM_FEATURES * HIDDEN_COLOR
NUM_SUMS = FIRST_W2 + 3 * HIDDEN_COLOR

# of what is in shared memory
LEVEL_SHAPE, FINE_SHAPE = (NUM_FEATURES, HIDDEN), (2 * NUM_FEATURES, HIDDEN)
COLOR_SHAPE, RGB_SHAPE = (NUM_FEATURES, HIDDEN_COLOR), (HIDDEN_COLOR, 3)
LOSSES_SHAPE, COLORS_SHAPE = (NUM_LOSSES, THREADS), (NUM_COLOR, THREADS)


@device
def _store_cell(l, cell, exists, rows, fractions, s):
    """Keep a sample's cell for the scatter; rows are -1 where there is none."""
    _, corners, fx, fy, fz = cell
    rows[l, 0, s] = corners[0] if exists else np.int32(-1)
    rows[l, 1, s] = corners[1] if exists else np.int32(-1)
    rows[l, 2, s] = corners[2] if exists else np.int32(-1)
    rows[l, 3, s] = corners[3] if exists else np.int32(-1)
    rows[l, 4, s] = corners[4] if exists else np.int32(-1)
    rows[l, 5, s] = corners[5] if exists else np.int32(-1)
    rows[l, 6, s] = corners[6] if exists else np.int32(-1)
    rows[l, 7, s] = corners[7] if exists else np.int32(-1)
    fractions[l, 0, s], fractions[l, 1, s], fractions[l, 2, s] = fx, fy, fz


@device
def _store_gradient(d_features, l, s, scale, g0, g1, g2, g3):
    d_features[l, 0, s] = scale * g0
    d_features[l, 1, s] = scale * g1
    d_features[l, 2, s] = scale * g2
    d_features[l, 3, s] = scale * g3


@device
def _sum_of_band(values, k, first):
    """Add up what the band samples of a ray have; `first` is the thread of the first."""
    total = ZERO
    for j in range(NUM_BAND):
        total += values[k, first + j]
    return total


@kernel
def _forward_backward(
    field, batch, weights, rows, fractions, d_features, start, curvature, untaught, sums
):
    s = cuda.grid(1)
    t = s % THREADS
    ray, j = s // NUM_SAMPLES, s % NUM_SAMPLES
    num_rays = batch.weight.shape[0]

    coarse_w1 = cuda.shared.array(LEVEL_SHAPE, np.float32)
    coarse_w2 = cuda.shared.array(HIDDEN, np.float32)
    middle_w1 = cuda.shared.array(LEVEL_SHAPE, np.float32)
    middle_w2 = cuda.shared.array(HIDDEN, np.float32)
    fine_w1 = cuda.shared.array(FINE_SHAPE, np.float32)
    fine_w2 = cuda.shared.array(HIDDEN, np.float32)
    color_w1 = cuda.shared.array(COLOR_SHAPE, np.float32)
    color_w2 = cuda.shared.array(RGB_SHAPE, np.float32)
    by_sample = cuda.shared.array(LOSSES_SHAPE, np.float32)
    losses = cuda.shared.array(LOSSES_SHAPE, np.float32)
    colors = cuda.shared.array(COLORS_SHAPE, np.float32)
    parts = cuda.shared.array(COLORS_SHAPE, np.float32)

    decoders = field.decoders
    for i in range(t, NUM_FEATURES * HIDDEN, THREADS):
        q, k = i // HIDDEN, i % HIDDEN
        coarse_w1[q, k] = decoders.coarse_w1[q, k]
        middle_w1[q, k] = decoders.middle_w1[q, k]
        fine_w1[q, k] = decoders.fine_w1[q, k]
        fine_w1[q + NUM_FEATURES, k] = decoders.fine_w1[q + NUM_FEATURES, k]
    if t < HIDDEN:
        coarse_w2[t] = decoders.coarse_w2[t]
        middle_w2[t] = decoders.middle_w2[t]
        fine_w2[t] = decoders.fine_w2[t]
    if t < HIDDEN_COLOR:
        for q in range(NUM_FEATURES):
            color_w1[q, t] = decoders.color_w1[q, t]
        for q in range(3):
            color_w2[t, q] = decoders.color_w2[t, q]
    cuda.syncthreads()

    share = ZERO
    if ray < num_rays:
        share = batch.weight[ray] / np.float32(num_rays)
    takes_part = share != ZERO
    truncation, coarse_truncation = field.truncation_m, field.coarse_truncation_m
    per_truncation = ONE / truncation
    for k in range(NUM_LOSSES):
        losses[k, t] = ZERO
    distance, d_sdf, w, w_color, slope = ZERO, ZERO, ZERO, ZERO, ZERO
    g0, g1, g2, g3 = ZERO, ZERO, ZERO, ZERO  # of the fine decoder
    k0, k1, k2, k3 = ZERO, ZERO, ZERO, ZERO  # colour features
    red, green, blue = ZERO, ZERO, ZERO
    if takes_part:
        x, y, z = batch.points[ray, j, 0], batch.points[ray, j, 1], batch.points[ray, j, 2]
        distance = batch.distance_m[ray, j]
        target = min(max(distance * per_truncation, -ONE), ONE)

        cell = find_cell(field.coarse, x, y, z, False)
        exists, _, _, _, _ = cell
        x0, x1, x2, x3 = interpolate(field.coarse, cell)
        _store_cell(COARSE, cell, exists, rows, fractions, s)
        h0, h1, h2, h3 = decode_gradient(coarse_w1, coarse_w2, x0, x1, x2, x3)
        value = h0 * x0 + h1 * x1 + h2 * x2 + h3 * x3
        e = ZERO
        if exists and j == NUM_BAND:
            e = min(value - FREE, ZERO)
        elif exists and abs(distance) * TWO < coarse_truncation:
            e = value - distance / coarse_truncation
        losses[0, t] = share * e * e
        _store_gradient(d_features, COARSE, s, TWO * weights.coarse * share * e, h0, h1, h2, h3)

        cell = find_cell(field.middle, x, y, z, False)
        exists, _, _, _, _ = cell
        m0, m1, m2, m3 = interpolate(field.middle, cell)
        _store_cell(MIDDLE, cell, exists, rows, fractions, s)
        h0, h1, h2, h3 = decode_gradient(middle_w1, middle_w2, m0, m1, m2, m3)
        base = h0 * m0 + h1 * m1 + h2 * m2 + h3 * m3
        e = ZERO
        if exists:
            e = base - target if j < NUM_BAND else min(base - ONE, ZERO)
        losses[1, t] = share * e * e
        _store_gradient(d_features, MIDDLE, s, TWO * share * e, h0, h1, h2, h3)

        cell = find_cell(field.fine, x, y, z, False)
        exists, _, _, _, _ = cell
        x0, x1, x2, x3 = interpolate(field.fine, cell)
        _store_cell(FINE, cell, exists, rows, fractions, s)
        is_known, mean, _, _, _ = mean_with_slope(field.mean, cell)
        if field.is_seeded:
            base = mean * (field.sdf_unit_m * per_truncation)
        g0, g1, g2, g3, h0, h1, h2, h3 = residual_gradient(
            fine_w1, fine_w2, x0, x1, x2, x3, m0, m1, m2, m3
        )
        value = base + g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
        value += h0 * m0 + h1 * m1 + h2 * m2 + h3 * m3
        if is_known and j == NUM_BAND:
            e = min(value - ONE, ZERO)
            losses[3, t] = share * e * e
            d_sdf = TWO * weights.free * share * e
        elif is_known:
            e = value - target
            losses[2, t] = share * e * e
            d_sdf = TWO * weights.near * share * e
            ratio = value * PER_BELL
            bell = ONE / (ONE + ratio * ratio)
            w = bell * bell
            slope = MINUS_FOUR * ratio * PER_BELL * bell * bell * bell

        cell = find_cell(field.color, x, y, z, True)
        exists, _, _, _, _ = cell
        exists = exists and j < NUM_BAND
        _store_cell(COLOR, cell, exists, rows, fractions, s)
        if exists:
            _, bits, k0, k1, k2, k3 = interpolate_taught(field.color, cell)
            start[0, s], start[1, s], start[2, s], start[3, s] = k0, k1, k2, k3
            untaught[s] = bits
            red, green, blue = decode_color(color_w1, color_w2, k0, k1, k2, k3)
            w_color = w if batch.rgb[ray, 0] >= ZERO else ZERO
    elif ray < num_rays:
        for l in range(4):
            for c in range(8):
                rows[l, c, s] = -1

    # what the losses of a ray are made of: its samples are neighbours
    by_sample[0, t], by_sample[1, t] = w, w * distance
    by_sample[2, t], by_sample[3, t] = w_color, w_color * red
    by_sample[4, t], by_sample[5, t] = w_color * green, w_color * blue
    cuda.syncthreads()

    d_red, d_green, d_blue = ZERO, ZERO, ZERO
    if takes_part:
        bend = ZERO  # of the colour's loss, by moving this sample's colour
        if j < NUM_BAND:
            total = _sum_of_band(by_sample, 0, t - j)
            if total > ZERO:
                e = _sum_of_band(by_sample, 1, t - j) / total * per_truncation
                if j == 0:
                    losses[4, t] = share * e * e
                scale = TWO * weights.depth * share * e / total
                d_sdf += scale * (distance * per_truncation - e) * slope
            total = _sum_of_band(by_sample, 2, t - j)
            if total > ZERO:
                seen_red = _sum_of_band(by_sample, 3, t - j) / total
                seen_green = _sum_of_band(by_sample, 4, t - j) / total
                seen_blue = _sum_of_band(by_sample, 5, t - j) / total
                e_red = seen_red - batch.rgb[ray, 0]
                e_green = seen_green - batch.rgb[ray, 1]
                e_blue = seen_blue - batch.rgb[ray, 2]
                if j == 0:
                    losses[5, t] = share * (e_red * e_red + e_green * e_green + e_blue * e_blue)
                if w_color > ZERO:
                    scale = TWO * weights.color * share / total
                    bend = scale * w_color
                    d_red, d_green, d_blue = bend * e_red, bend * e_green, bend * e_blue
                    change = e_red * (red - seen_red) + e_green * (green - seen_green)
                    change += e_blue * (blue - seen_blue)
                    d_sdf += scale * slope * change
        _store_gradient(d_features, FINE, s, d_sdf, g0, g1, g2, g3)
        curvature[s] = bend
        if bend > ZERO:
            h0, h1, h2, h3 = d_red, d_green, d_blue, ZERO
            for k in range(HIDDEN_COLOR):
                a0, a1, a2, a3 = color_w1[0, k], color_w1[1, k], color_w1[2, k], color_w1[3, k]
                d = color_w2[k, 0] * d_red + color_w2[k, 1] * d_green + color_w2[k, 2] * d_blue
                d = d if a0 * k0 + a1 * k1 + a2 * k2 + a3 * k3 > ZERO else ZERO
                h0 += d * a0
                h1 += d * a1
                h2 += d * a2
                h3 += d * a3
            _store_gradient(d_features, COLOR, s, ONE, h0, h1, h2, h3)

    # the colour decoder's gradient: a thread sums one hidden unit over a part of the samples
    colors[0, t], colors[1, t], colors[2, t], colors[3, t] = k0, k1, k2, k3
    colors[4, t], colors[5, t], colors[6, t] = d_red, d_green, d_blue
    cuda.syncthreads()
    k = t % HIDDEN_COLOR
    first = t // HIDDEN_COLOR * PART
    a0, a1, a2, a3 = color_w1[0, k], color_w1[1, k], color_w1[2, k], color_w1[3, k]
    v0, v1, v2 = color_w2[k, 0], color_w2[k, 1], color_w2[k, 2]
    s0, s1, s2, s3, s4, s5, s6 = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for i in range(first, first + PART):
        x0, x1, x2, x3 = colors[0, i], colors[1, i], colors[2, i], colors[3, i]
        pre = a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
        if pre > ZERO:
            d = v0 * colors[4, i] + v1 * colors[5, i] + v2 * colors[6, i]
            s0 += d * x0
            s1 += d * x1
            s2 += d * x2
            s3 += d * x3
            s4 += pre * colors[4, i]
            s5 += pre * colors[5, i]
            s6 += pre * colors[6, i]
    parts[0, t], parts[1, t], parts[2, t], parts[3, t] = s0, s1, s2, s3
    parts[4, t], parts[5, t], parts[6, t] = s4, s5, s6

    # losses: each thread folds its column, then one adds up the rest
    if t < NUM_LOSSES * PART:
        l, i = t // PART, t % PART
        value = ZERO
        for part in range(PARTS):
            value += losses[l, i + part * PART]
        losses[l, i] = value  # nobody else reads it before the barrier
    cuda.syncthreads()
    if t < NUM_COLOR * HIDDEN_COLOR:
        q = t // HIDDEN_COLOR
        value = ZERO
        for part in range(PARTS):
            value += parts[q, k + part * HIDDEN_COLOR]
        if value != ZERO:
            at = FIRST_W1 + q * HIDDEN_COLOR + k
            if q >= NUM_FEATURES:
                at = FIRST_W2 + k * 3 + q - NUM_FEATURES
            cuda.atomic.add(sums, at, value)
    if t < NUM_LOSSES:
        value = ZERO
        for i in range(PART):
            value += losses[t, i]
        if value != ZERO:
            cuda.atomic.add(sums, t, value)


def gradients(field, batch, weights):
    num_rays = batch.weight.shape[0]
    num_samples = num_rays * NUM_SAMPLES
    rows = empty((4, 8, num_samples), torch.int32)
    fractions = empty((4, 3, num_samples), torch.float32)
    d_features = empty((4, NUM_FEATURES, num_samples), torch.float32)
    start = empty((NUM_FEATURES, num_samples), torch.float32)
    curvature = empty((num_samples,), torch.float32)
    untaught = empty((num_samples,), torch.int32)
    sums: Any = zeros((NUM_SUMS,), torch.float32)
    launch(
        _forward_backward, (num_rays + RAYS - 1) // RAYS, THREADS, field, batch, weights, rows,
        fractions, d_features, start, curvature, untaught, sums,
    )  # fmt: skip
    touched = scatter(field, rows, fractions, d_features, start, curvature, untaught)
    gradient = DecoderGradient(
        sums[FIRST_W1:FIRST_W2].view(NUM_FEATURES, HIDDEN_COLOR),
        sums[FIRST_W2:].view(HIDDEN_COLOR, 3),
    )
    return Losses(*sums[:NUM_LOSSES].unbind()), gradient, list(touched.unbind())


__all__ = ["adagrad", "gradients", "new_moments", "relax", "update_decoder"]
