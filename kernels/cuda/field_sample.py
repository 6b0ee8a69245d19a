"""What one sample of the training step has of each level of the neural field on CUDA, and what it
leaves for the scatter (`kernels.cuda.field_update`).

The sample is number s of all; l counts levels as in `kernels.field`.
"""

import numpy as np

from kernels.cuda.field_cell import base_color, base_with_slope, find_cell, interpolate
from kernels.cuda.launch import device
from kernels.field import COLOR, FINE, MIDDLE, NUM_LEVELS
from kernels.scalar.field_decode import (
    HIDDEN_COLOR,
    decode_color,
    middle_gradient,
    residual_gradient,
)

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@device
def store_cell(l, cell, exists, rows, fractions, s):
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
def store_no_cells(rows, s):
    """Tell the scatter that a sample takes no part."""
    for l in range(NUM_LEVELS):
        for c in range(8):
            rows[l, c, s] = -1


@device
def store_gradient(d_features, l, s, scale, g0, g1, g2, g3):
    """Keep a sample's gradient by the features of its cell for the scatter."""
    d_features[l, 0, s] = scale * g0
    d_features[l, 1, s] = scale * g1
    d_features[l, 2, s] = scale * g2
    d_features[l, 3, s] = scale * g3


@device
def evaluate_middle(level, w1, w2, x, y, z, rows, fractions, s):
    """Return whether the middle level knows a point, the output of its decoder there, the four
    features, and the gradient by them.
    """
    cell = find_cell(level.blocks, level.spacing_m, x, y, z)
    exists, _, _, _, _ = cell
    x0, x1, x2, x3 = interpolate(level, cell)
    store_cell(MIDDLE, cell, exists, rows, fractions, s)
    h0, h1, h2, h3 = middle_gradient(w1, w2, x0, x1, x2, x3)
    value = h0 * x0 + h1 * x1 + h2 * x2 + h3 * x3
    return exists, value, x0, x1, x2, x3, h0, h1, h2, h3


@device
def evaluate_fine(field, w1, w2, x, y, z, base_cell, m0, m1, m2, m3, rows, fractions, s):
    """Return whether a point's distance is known, that in truncations, and its gradient by the four
    fine features; m are the middle level's features.
    """
    cell = find_cell(field.fine.blocks, field.fine.spacing_m, x, y, z)
    exists, _, _, _, _ = cell
    x0, x1, x2, x3 = interpolate(field.fine, cell)
    store_cell(FINE, cell, exists, rows, fractions, s)
    is_known, raw, _, _, _ = base_with_slope(field.base.voxels, base_cell)
    base = raw * (field.base.sdf_unit_m * (ONE / field.truncation_m))
    g0, g1, g2, g3, h0, h1, h2, h3 = residual_gradient(w1, w2, x0, x1, x2, x3, m0, m1, m2, m3)
    value = base + g0 * x0 + g1 * x1 + g2 * x2 + g3 * x3
    value += h0 * m0 + h1 * m1 + h2 * m2 + h3 * m3
    return is_known, value, g0, g1, g2, g3


@device
def evaluate_color(field, w1, w2, x, y, z, base_cell, is_in_band, rows, fractions, s):
    """Return whether a point in the band has a colour, its features and the colour, else zeros."""
    cell = find_cell(field.color.blocks, field.color.spacing_m, x, y, z)
    exists, _, _, _, _ = cell
    has_color, red, green, blue = base_color(field.base.voxels, base_cell)
    exists = exists and is_in_band and has_color
    store_cell(COLOR, cell, exists, rows, fractions, s)
    k0, k1, k2, k3 = ZERO, ZERO, ZERO, ZERO
    if exists:
        k0, k1, k2, k3 = interpolate(field.color, cell)
        dr, dg, db = decode_color(w1, w2, k0, k1, k2, k3)
        red, green, blue = red + dr, green + dg, blue + db
    else:
        red, green, blue = ZERO, ZERO, ZERO
    return exists, k0, k1, k2, k3, red, green, blue


@device
def color_gradient(w1, w2, x0, x1, x2, x3, d_red, d_green, d_blue):
    """Return the gradient by the colour features of what has this one by the colours."""
    h0, h1, h2, h3 = d_red, d_green, d_blue, ZERO
    for k in range(HIDDEN_COLOR):
        a0, a1, a2, a3 = w1[0, k], w1[1, k], w1[2, k], w1[3, k]
        d = w2[k, 0] * d_red + w2[k, 1] * d_green + w2[k, 2] * d_blue
        d = d if a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3 > ZERO else ZERO
        h0 += d * a0
        h1 += d * a1
        h2 += d * a2
        h3 += d * a3
    return h0, h1, h2, h3
