"""The training step of the neural field in numba; contracts in `kernels.field`.

Rays go through in chunks. Gathering is done sample by sample, decoding over the samples of a chunk,
losses ray by ray. Each level's gradients are then scattered by one task, in the order of the
samples: no atomics, and the same bits whatever the number of threads.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.cpu.field_decode import (
    HIDDEN_COLOR,
    color_backward,
    decode_color,
    decode_fine,
    decode_middle,
)
from kernels.cpu.field_gather import gather, gather_base
from kernels.cpu.field_update import scatter_all
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
    Touched,
)
from kernels.scalar.field_cell import table_size

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
RAYS = 32  # a chunk
CHUNK = RAYS * NUM_SAMPLES
PER_BELL = np.float32(1.0 / BELL_WIDTH)
NUM_LOSSES = 5


@parallel_kernel
def _forward_backward(
    base_index, base_voxels, middle_index, fine_index, color_index, features, spacings_m,
    decoders, scales, points, distance_m, rgb_seen, ray_weight, weights, rows, fractions,
    d_features, curvature, sums, d_w1, d_w2,
):  # fmt: skip
    num_rays = ray_weight.shape[0]
    per_ray = ONE / np.float32(num_rays)
    truncation, unit = scales
    per_truncation = ONE / truncation
    unit = unit * per_truncation
    near, free, depth, color = weights
    middle_features = features[MIDDLE].reshape(-1, NUM_FEATURES)
    fine_features = features[FINE].reshape(-1, NUM_FEATURES)
    color_features = features[COLOR].reshape(-1, NUM_FEATURES)
    middle_m, fine_m, color_m, base_m = spacings_m
    for part in prange((num_rays + RAYS - 1) // RAYS):
        chunk = np.int64(part)
        first_ray = chunk * RAYS
        rays = min(first_ray + RAYS, num_rays) - first_ray
        first = first_ray * NUM_SAMPLES
        n = rays * NUM_SAMPLES
        x = np.empty((NUM_LEVELS * NUM_FEATURES, CHUNK), np.float32)
        g = np.empty((NUM_LEVELS * NUM_FEATURES, CHUNK), np.float32)
        out_middle = np.empty(CHUNK, np.float32)
        out = np.empty(CHUNK, np.float32)
        known, has_rgb = np.empty(CHUNK, np.bool_), np.empty(CHUNK, np.bool_)
        rgb = np.empty((3, CHUNK), np.float32)
        d_rgb = np.zeros((3, CHUNK), np.float32)
        d_out = np.zeros((2, CHUNK), np.float32)  # by middle and final output
        w, slope = np.empty(NUM_BAND, np.float32), np.empty(NUM_BAND, np.float32)
        gather_base(
            base_index, base_voxels, base_m, unit, points, first, n, known, out, has_rgb, rgb
        )
        gather(
            middle_index, middle_features, middle_m, MIDDLE, points, first, n, x, rows, fractions,
            NUM_SAMPLES,
        )  # fmt: skip
        gather(
            fine_index, fine_features, fine_m, FINE, points, first, n, x, rows, fractions,
            NUM_SAMPLES,
        )  # fmt: skip
        gather(
            color_index, color_features, color_m, COLOR, points, first, n, x, rows, fractions,
            NUM_BAND,
        )  # fmt: skip
        decode_middle(decoders.middle_w1, decoders.middle_w2, x, n, out_middle, g)
        decode_fine(decoders.fine_w1, decoders.fine_w2, x, n, out, g)
        decode_color(decoders.color_w1, decoders.color_w2, x, n, rgb)
        loss = np.zeros(NUM_LOSSES, np.float32)
        curvature[first : first + n] = ZERO
        for r in range(rays):
            ray = first_ray + r
            share = ray_weight[ray] * per_ray
            if share == ZERO:
                continue
            total, total_z, total_color = ZERO, ZERO, ZERO
            seen0, seen1, seen2 = ZERO, ZERO, ZERO
            has_color = rgb_seen[ray, 0] >= ZERO
            for j in range(NUM_SAMPLES):
                i = r * NUM_SAMPLES + j
                d = distance_m[ray, j]
                t = min(max(d * per_truncation, -ONE), ONE)
                if rows[MIDDLE, first + i, 0] >= 0:
                    e = out_middle[i] - t if j < NUM_BAND else min(out_middle[i] - ONE, ZERO)
                    loss[0] += share * e * e
                    d_out[0, i] = TWO * share * e
                if not known[i]:
                    if j < NUM_BAND:
                        w[j] = ZERO
                    continue
                if j == NUM_BAND:
                    e = min(out[i] - ONE, ZERO)
                    loss[2] += share * e * e
                    d_out[1, i] = TWO * free * share * e
                    continue
                e = out[i] - t
                loss[1] += share * e * e
                d_out[1, i] = TWO * near * share * e
                ratio = out[i] * PER_BELL
                bell = ONE / (ONE + ratio * ratio)
                w[j] = bell * bell
                slope[j] = np.float32(-4.0) * ratio * PER_BELL * bell * bell * bell
                total += w[j]
                total_z -= w[j] * d
                if has_color and has_rgb[i] and rows[COLOR, first + i, 0] >= 0:
                    total_color += w[j]
                    seen0 += w[j] * rgb[0, i]
                    seen1 += w[j] * rgb[1, i]
                    seen2 += w[j] * rgb[2, i]
            if total > ZERO:
                e = total_z / total * per_truncation
                loss[3] += share * e * e
                scale = TWO * depth * share * e / total
                for j in range(NUM_BAND):
                    if w[j] > ZERO:
                        z = -distance_m[ray, j] * per_truncation
                        d_out[1, r * NUM_SAMPLES + j] += scale * (z - e) * slope[j]
            if total_color > ZERO:
                seen0, seen1, seen2 = seen0 / total_color, seen1 / total_color, seen2 / total_color
                e0 = seen0 - rgb_seen[ray, 0]
                e1 = seen1 - rgb_seen[ray, 1]
                e2 = seen2 - rgb_seen[ray, 2]
                loss[4] += share * (e0 * e0 + e1 * e1 + e2 * e2)
                scale = TWO * color * share / total_color
                for j in range(NUM_BAND):
                    i = r * NUM_SAMPLES + j
                    if w[j] > ZERO and has_rgb[i] and rows[COLOR, first + i, 0] >= 0:
                        curvature[first + i] = scale * w[j]
                        d_rgb[0, i] = scale * w[j] * e0
                        d_rgb[1, i] = scale * w[j] * e1
                        d_rgb[2, i] = scale * w[j] * e2
                        change = e0 * (rgb[0, i] - seen0) + e1 * (rgb[1, i] - seen1)
                        change += e2 * (rgb[2, i] - seen2)
                        d_out[1, i] += scale * slope[j] * change
        color_backward(
            decoders.color_w1, decoders.color_w2, x, n, d_rgb, g, d_w1[chunk], d_w2[chunk]
        )
        for i in range(n):
            for q in range(NUM_FEATURES):
                d_features[first + i, q] = d_out[0, i] * g[q, i]
                d_features[first + i, 4 + q] = d_out[1, i] * g[4 + q, i]
                d_features[first + i, 8 + q] = g[8 + q, i]
        for k in range(NUM_LOSSES):
            sums[chunk, k] = loss[k]


def gradients(field, batch, weights):
    num_rays = len(batch.weight)
    num_samples = num_rays * NUM_SAMPLES
    num_chunks = (num_rays + RAYS - 1) // RAYS
    rows = np.empty((NUM_LEVELS, num_samples, 8), np.int32)
    fractions = np.empty((NUM_LEVELS, num_samples, 3), np.float32)
    d_features = np.empty((num_samples, NUM_LEVELS * NUM_FEATURES), np.float32)
    curvature = np.empty(num_samples, np.float32)
    sums = np.empty((num_chunks, NUM_LOSSES), np.float32)
    d_w1 = np.empty((num_chunks, NUM_FEATURES, HIDDEN_COLOR), np.float32)
    d_w2 = np.empty((num_chunks, HIDDEN_COLOR, 3), np.float32)
    levels = (field.middle, field.fine, field.color)
    # numba cannot hand tuples of tuples to the parallel loop in it
    _forward_backward(
        field.base.blocks,
        field.base.voxels,
        field.middle.blocks,
        field.fine.blocks,
        field.color.blocks,
        tuple(level.features for level in levels),
        (*(level.spacing_m for level in levels), field.base.voxel_size_m),
        field.decoders,
        (field.truncation_m, field.base.sdf_unit_m),
        batch.points.reshape(-1, 3),
        batch.distance_m,
        batch.rgb,
        batch.weight,
        tuple(map(np.float32, weights)),
        rows,
        fractions,
        d_features,
        curvature,
        sums,
        d_w1,
        d_w2,
    )
    touched = np.empty((NUM_LEVELS, num_samples * 8), np.int32)
    by_vertex = np.empty((NUM_LEVELS, num_samples * 8, NUM_FEATURES + 1), np.float32)
    num_touched = np.empty(NUM_LEVELS, np.int64)
    tables = np.zeros((NUM_LEVELS, table_size(num_samples * 8)), np.int32)
    scatter_all(rows, fractions, d_features, curvature, tables, touched, by_vertex, num_touched)
    losses = Losses(*(float(loss) for loss in sums.sum(axis=0, dtype=np.float64)))
    gradient = DecoderGradient(d_w1.sum(axis=0), d_w2.sum(axis=0))
    parts = zip(touched, by_vertex, num_touched, strict=True)
    return losses, gradient, [Touched(rows[:n], by_row[:n]) for rows, by_row, n in parts]
