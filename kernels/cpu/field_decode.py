"""The decoders over a chunk of samples in numba, with their gradients by the features.

Features are x[16, i]: four of the coarse, the middle, the fine and the colour level, by sample i.
All loops run over the samples, so they vectorise.
"""

import numpy as np

from kernels.field import HIDDEN_COLOR
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HIDDEN = 32


@inline
def decode_level(w1, w2, x, first, n, out, g):
    """Decode features x[first : first + 4]; g[first : first + 4] is the output's gradient by
    them.
    """
    for i in range(n):
        g[first, i] = ONE
        g[first + 1, i], g[first + 2, i], g[first + 3, i] = ZERO, ZERO, ZERO
    for k in range(HIDDEN):
        for i in range(n):
            pre = w1[0, k] * x[first, i] + w1[1, k] * x[first + 1, i]
            pre += w1[2, k] * x[first + 2, i] + w1[3, k] * x[first + 3, i]
            act = w2[k] if pre > ZERO else ZERO
            g[first, i] += act * w1[0, k]
            g[first + 1, i] += act * w1[1, k]
            g[first + 2, i] += act * w1[2, k]
            g[first + 3, i] += act * w1[3, k]
    for i in range(n):
        out[i] = g[first, i] * x[first, i] + g[first + 1, i] * x[first + 1, i]
        out[i] += g[first + 2, i] * x[first + 2, i] + g[first + 3, i] * x[first + 3, i]


@inline
def decode_fine(w1, w2, x, n, out, g):
    """Add the fine residual to out; g[8:12] is its gradient by the fine features."""
    for i in range(n):
        g[8, i] = ONE
        g[9, i], g[10, i], g[11, i] = ZERO, ZERO, ZERO
        out[i] += x[8, i]
    for k in range(HIDDEN):
        for i in range(n):
            below = w1[4, k] * x[4, i] + w1[5, k] * x[5, i]
            below += w1[6, k] * x[6, i] + w1[7, k] * x[7, i]
            pre = below + w1[0, k] * x[8, i] + w1[1, k] * x[9, i]
            pre += w1[2, k] * x[10, i] + w1[3, k] * x[11, i]
            act = w2[k] if pre > ZERO else ZERO
            out[i] += act * pre - w2[k] * max(below, ZERO)
            g[8, i] += act * w1[0, k]
            g[9, i] += act * w1[1, k]
            g[10, i] += act * w1[2, k]
            g[11, i] += act * w1[3, k]


@inline
def decode_color(w1, w2, x, n, rgb):
    """Add the colour residual to rgb."""
    for i in range(n):
        for c in range(3):
            rgb[c, i] += x[12 + c, i]
    for k in range(HIDDEN_COLOR):
        for i in range(n):
            pre = w1[0, k] * x[12, i] + w1[1, k] * x[13, i]
            pre += w1[2, k] * x[14, i] + w1[3, k] * x[15, i]
            pre = max(pre, ZERO)
            rgb[0, i] += pre * w2[k, 0]
            rgb[1, i] += pre * w2[k, 1]
            rgb[2, i] += pre * w2[k, 2]


@inline
def color_backward(w1, w2, x, n, d_rgb, g, d_w1, d_w2):
    """Set g[12:16] to the gradient by the colour features and add that by the weights."""
    for i in range(n):
        for c in range(3):
            g[12 + c, i] = d_rgb[c, i]
        g[15, i] = ZERO
    for k in range(HIDDEN_COLOR):
        s0, s1, s2, s3 = ZERO, ZERO, ZERO, ZERO
        t0, t1, t2 = ZERO, ZERO, ZERO
        for i in range(n):
            pre = w1[0, k] * x[12, i] + w1[1, k] * x[13, i]
            pre += w1[2, k] * x[14, i] + w1[3, k] * x[15, i]
            h = max(pre, ZERO)
            t0 += h * d_rgb[0, i]
            t1 += h * d_rgb[1, i]
            t2 += h * d_rgb[2, i]
            d = w2[k, 0] * d_rgb[0, i] + w2[k, 1] * d_rgb[1, i] + w2[k, 2] * d_rgb[2, i]
            d = d if pre > ZERO else ZERO
            s0 += d * x[12, i]
            s1 += d * x[13, i]
            s2 += d * x[14, i]
            s3 += d * x[15, i]
            g[12, i] += d * w1[0, k]
            g[13, i] += d * w1[1, k]
            g[14, i] += d * w1[2, k]
            g[15, i] += d * w1[3, k]
        d_w1[0, k], d_w1[1, k], d_w1[2, k], d_w1[3, k] = s0, s1, s2, s3
        d_w2[k, 0], d_w2[k, 1], d_w2[k, 2] = t0, t1, t2
