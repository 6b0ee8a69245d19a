"""The decoders over a chunk of samples in numba, with their gradients by the features.

Features are x[12, i]: four of the middle, the fine and the colour level, by sample i.
All loops run over the samples, so they vectorise.
"""

import numpy as np

from kernels.field import HIDDEN_COLOR
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HIDDEN = 32


@inline
def decode_middle(w1, w2, x, n, out, g):
    """Decode features x[:4]; g[:4] is the output's gradient by them."""
    for i in range(n):
        g[0, i] = ONE
        g[1, i], g[2, i], g[3, i] = ZERO, ZERO, ZERO
    for k in range(HIDDEN):
        for i in range(n):
            pre = w1[0, k] * x[0, i] + w1[1, k] * x[1, i]
            pre += w1[2, k] * x[2, i] + w1[3, k] * x[3, i]
            act = w2[k] if pre > ZERO else ZERO
            g[0, i] += act * w1[0, k]
            g[1, i] += act * w1[1, k]
            g[2, i] += act * w1[2, k]
            g[3, i] += act * w1[3, k]
    for i in range(n):
        out[i] = g[0, i] * x[0, i] + g[1, i] * x[1, i]
        out[i] += g[2, i] * x[2, i] + g[3, i] * x[3, i]


@inline
def decode_fine(w1, w2, x, n, out, g):
    """Add the fine residual to out; g[4:8] is its gradient by the fine features."""
    for i in range(n):
        g[4, i] = ONE
        g[5, i], g[6, i], g[7, i] = ZERO, ZERO, ZERO
        out[i] += x[4, i]
    for k in range(HIDDEN):
        for i in range(n):
            below = w1[4, k] * x[0, i] + w1[5, k] * x[1, i]
            below += w1[6, k] * x[2, i] + w1[7, k] * x[3, i]
            pre = below + w1[0, k] * x[4, i] + w1[1, k] * x[5, i]
            pre += w1[2, k] * x[6, i] + w1[3, k] * x[7, i]
            act = w2[k] if pre > ZERO else ZERO
            out[i] += act * pre - w2[k] * max(below, ZERO)
            g[4, i] += act * w1[0, k]
            g[5, i] += act * w1[1, k]
            g[6, i] += act * w1[2, k]
            g[7, i] += act * w1[3, k]


@inline
def decode_color(w1, w2, x, n, rgb):
    """Add the colour residual to rgb."""
    for i in range(n):
        for c in range(3):
            rgb[c, i] += x[8 + c, i]
    for k in range(HIDDEN_COLOR):
        for i in range(n):
            pre = w1[0, k] * x[8, i] + w1[1, k] * x[9, i]
            pre += w1[2, k] * x[10, i] + w1[3, k] * x[11, i]
            pre = max(pre, ZERO)
            rgb[0, i] += pre * w2[k, 0]
            rgb[1, i] += pre * w2[k, 1]
            rgb[2, i] += pre * w2[k, 2]


@inline
def color_backward(w1, w2, x, n, d_rgb, g, d_w1, d_w2):
    """Set g[8:12] to the gradient by the colour features and add that by the weights."""
    for i in range(n):
        for c in range(3):
            g[8 + c, i] = d_rgb[c, i]
        g[11, i] = ZERO
    for k in range(HIDDEN_COLOR):
        s0, s1, s2, s3 = ZERO, ZERO, ZERO, ZERO
        t0, t1, t2 = ZERO, ZERO, ZERO
        for i in range(n):
            pre = w1[0, k] * x[8, i] + w1[1, k] * x[9, i]
            pre += w1[2, k] * x[10, i] + w1[3, k] * x[11, i]
            h = max(pre, ZERO)
            t0 += h * d_rgb[0, i]
            t1 += h * d_rgb[1, i]
            t2 += h * d_rgb[2, i]
            d = w2[k, 0] * d_rgb[0, i] + w2[k, 1] * d_rgb[1, i] + w2[k, 2] * d_rgb[2, i]
            d = d if pre > ZERO else ZERO
            s0 += d * x[8, i]
            s1 += d * x[9, i]
            s2 += d * x[10, i]
            s3 += d * x[11, i]
            g[8, i] += d * w1[0, k]
            g[9, i] += d * w1[1, k]
            g[10, i] += d * w1[2, k]
            g[11, i] += d * w1[3, k]
        d_w1[0, k], d_w1[1, k], d_w1[2, k], d_w1[3, k] = s0, s1, s2, s3
        d_w2[k, 0], d_w2[k, 1], d_w2[k, 2] = t0, t1, t2
