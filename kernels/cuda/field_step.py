"""The training step of the neural field on CUDA; contracts in `kernels.field`.

One launch evaluates the losses and their gradients by the features, a thread a sample and a block
RAYS rays, which keeps the decoders in shared memory. A second one adds the gradients up by vertex
(`kernels.cuda.field_update`). Of the first one, the parts of a sample are in
`kernels.cuda.field_sample`, those of a block in `kernels.cuda.field_block`.
"""

from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty, zeros
from kernels.cuda.field_block import (
    COLOR_SHAPE,
    COLORS_SHAPE,
    FINE_SHAPE,
    FIRST_W1,
    FIRST_W2,
    LOSSES_SHAPE,
    MIDDLE_SHAPE,
    NUM_LOSSES,
    NUM_SUMS,
    RAYS,
    RGB_SHAPE,
    SEEN_SHAPE,
    THREADS,
    add_color_gradient,
    add_losses,
    fold_losses,
    load_color_decoder,
    load_distance_decoders,
    mean_color_of_band,
    sum_color_gradient,
    sum_of_band,
)
from kernels.cuda.field_cell import find_cell
from kernels.cuda.field_sample import (
    color_gradient,
    evaluate_color,
    evaluate_fine,
    evaluate_middle,
    store_gradient,
    store_no_cells,
)
from kernels.cuda.field_update import scatter
from kernels.cuda.launch import device, kernel, launch
from kernels.field import (
    BELL_WIDTH,
    COLOR,
    FINE,
    MIDDLE,
    NUM_BAND,
    NUM_FEATURES,
    NUM_LEVELS,
    NUM_SAMPLES,
    DecoderGradient,
    Losses,
)
from kernels.scalar.field_decode import HIDDEN, HIDDEN_COLOR

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
MINUS_FOUR = np.float32(-4.0)
PER_BELL = np.float32(1.0 / BELL_WIDTH)


@device
def _bell(value):
    """Return how much a sample at this distance counts in what its ray sees, and the slope."""
    ratio = value * PER_BELL
    bell = ONE / (ONE + ratio * ratio)
    return bell * bell, MINUS_FOUR * ratio * PER_BELL * bell * bell * bell


@kernel
def _forward_backward(field, batch, weights, rows, fractions, d_features, curvature, sums):
    """Compute the losses of all samples, and their gradients by features and the colour decoder."""
    s = cuda.grid(1)
    t = s % THREADS
    ray, j = s // NUM_SAMPLES, s % NUM_SAMPLES
    num_rays = batch.weight.shape[0]

    middle_w1 = cuda.shared.array(MIDDLE_SHAPE, np.float32)
    middle_w2 = cuda.shared.array(HIDDEN, np.float32)
    fine_w1 = cuda.shared.array(FINE_SHAPE, np.float32)
    fine_w2 = cuda.shared.array(HIDDEN, np.float32)
    color_w1 = cuda.shared.array(COLOR_SHAPE, np.float32)
    color_w2 = cuda.shared.array(RGB_SHAPE, np.float32)
    by_sample = cuda.shared.array(SEEN_SHAPE, np.float32)
    losses = cuda.shared.array(LOSSES_SHAPE, np.float32)
    colors = cuda.shared.array(COLORS_SHAPE, np.float32)
    parts = cuda.shared.array(COLORS_SHAPE, np.float32)

    load_distance_decoders(field.decoders, t, middle_w1, middle_w2, fine_w1, fine_w2)
    load_color_decoder(field.decoders, t, color_w1, color_w2)
    cuda.syncthreads()

    share = batch.weight[ray] / np.float32(num_rays) if ray < num_rays else ZERO
    takes_part = share != ZERO
    per_truncation = ONE / field.truncation_m
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

        exists, value, m0, m1, m2, m3, h0, h1, h2, h3 = evaluate_middle(
            field.middle, middle_w1, middle_w2, x, y, z, rows, fractions, s
        )
        e = ZERO
        if exists:
            e = value - target if j < NUM_BAND else min(value - ONE, ZERO)
        losses[0, t] = share * e * e
        store_gradient(d_features, MIDDLE, s, TWO * share * e, h0, h1, h2, h3)

        base_cell = find_cell(field.base.blocks, field.base.voxel_size_m, x, y, z)
        is_known, value, g0, g1, g2, g3 = evaluate_fine(
            field, fine_w1, fine_w2, x, y, z, base_cell, m0, m1, m2, m3, rows, fractions, s
        )
        if is_known and j == NUM_BAND:
            e = min(value - ONE, ZERO)
            losses[2, t] = share * e * e
            d_sdf = TWO * weights.free * share * e
        elif is_known:
            e = value - target
            losses[1, t] = share * e * e
            d_sdf = TWO * weights.near * share * e
            w, slope = _bell(value)

        is_seen, k0, k1, k2, k3, red, green, blue = evaluate_color(
            field, color_w1, color_w2, x, y, z, base_cell, j < NUM_BAND, rows, fractions, s
        )
        if is_seen and batch.rgb[ray, 0] >= ZERO:
            w_color = w
    elif ray < num_rays:
        store_no_cells(rows, s)

    # what the losses of a ray are made of: its samples are neighbours
    by_sample[0, t], by_sample[1, t] = w, w * distance
    by_sample[2, t], by_sample[3, t] = w_color, w_color * red
    by_sample[4, t], by_sample[5, t] = w_color * green, w_color * blue
    cuda.syncthreads()

    d_red, d_green, d_blue = ZERO, ZERO, ZERO
    if takes_part:
        bend = ZERO  # of the colour's loss, by moving this sample's colour
        if j < NUM_BAND:
            total = sum_of_band(by_sample, 0, t - j)
            if total > ZERO:
                e = sum_of_band(by_sample, 1, t - j) / total * per_truncation
                if j == 0:
                    losses[3, t] = share * e * e
                scale = TWO * weights.depth * share * e / total
                d_sdf += scale * (distance * per_truncation - e) * slope
            total, seen_red, seen_green, seen_blue = mean_color_of_band(by_sample, t - j)
            if total > ZERO:
                e_red = seen_red - batch.rgb[ray, 0]
                e_green = seen_green - batch.rgb[ray, 1]
                e_blue = seen_blue - batch.rgb[ray, 2]
                if j == 0:
                    losses[4, t] = share * (e_red * e_red + e_green * e_green + e_blue * e_blue)
                if w_color > ZERO:
                    scale = TWO * weights.color * share / total
                    bend = scale * w_color
                    d_red, d_green, d_blue = bend * e_red, bend * e_green, bend * e_blue
                    change = e_red * (red - seen_red) + e_green * (green - seen_green)
                    change += e_blue * (blue - seen_blue)
                    d_sdf += scale * slope * change
        store_gradient(d_features, FINE, s, d_sdf, g0, g1, g2, g3)
        curvature[s] = bend
        if bend > ZERO:
            h0, h1, h2, h3 = color_gradient(
                color_w1, color_w2, k0, k1, k2, k3, d_red, d_green, d_blue
            )
            store_gradient(d_features, COLOR, s, ONE, h0, h1, h2, h3)

    # the colour decoder's gradient and the losses of the block
    colors[0, t], colors[1, t], colors[2, t], colors[3, t] = k0, k1, k2, k3
    colors[4, t], colors[5, t], colors[6, t] = d_red, d_green, d_blue
    cuda.syncthreads()
    sum_color_gradient(color_w1, color_w2, colors, parts, t)
    fold_losses(losses, t)
    cuda.syncthreads()
    add_color_gradient(sums, parts, t)
    add_losses(sums, losses, t)


def gradients(field, batch, weights):
    num_rays = batch.weight.shape[0]
    num_samples = num_rays * NUM_SAMPLES
    rows = empty((NUM_LEVELS, 8, num_samples), torch.int32)
    fractions = empty((NUM_LEVELS, 3, num_samples), torch.float32)
    d_features = empty((NUM_LEVELS, NUM_FEATURES, num_samples), torch.float32)
    curvature = empty((num_samples,), torch.float32)
    sums: Any = zeros((NUM_SUMS,), torch.float32)
    launch(
        _forward_backward, (num_rays + RAYS - 1) // RAYS, THREADS, field, batch, weights, rows,
        fractions, d_features, curvature, sums,
    )  # fmt: skip
    touched = scatter(rows, fractions, d_features, curvature)
    gradient = DecoderGradient(
        sums[FIRST_W1:FIRST_W2].view(NUM_FEATURES, HIDDEN_COLOR),
        sums[FIRST_W2:].view(HIDDEN_COLOR, 3),
    )
    return Losses(*sums[:NUM_LOSSES].unbind()), gradient, touched
