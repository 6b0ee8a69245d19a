"""The decoders of the neural field for one sample; see `kernels.field`.

Without biases an output is its gradient by the features times the features: where both are wanted,
the gradient is all there is to compute.
"""

import numpy as np

from kernels.field import HIDDEN_COLOR
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
HIDDEN = 32


@inline
def middle_gradient(w1, w2, x0, x1, x2, x3):
    """Return the gradient of the middle decoder's output by the features."""
    g0, g1, g2, g3 = ONE, ZERO, ZERO, ZERO
    for k in range(HIDDEN):
        a0, a1, a2, a3 = w1[0, k], w1[1, k], w1[2, k], w1[3, k]
        pre = a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
        weight = w2[k]
        act = weight if pre > ZERO else ZERO
        g0 += act * a0
        g1 += act * a1
        g2 += act * a2
        g3 += act * a3
    return g0, g1, g2, g3


@inline
def residual_gradient(w1, w2, x0, x1, x2, x3, m0, m1, m2, m3):
    """Return the gradient of the fine residual by the fine features x and the middle ones m."""
    g0, g1, g2, g3 = ONE, ZERO, ZERO, ZERO
    d0, d1, d2, d3 = ZERO, ZERO, ZERO, ZERO
    for k in range(HIDDEN):
        a0, a1, a2, a3 = w1[0, k], w1[1, k], w1[2, k], w1[3, k]
        b0, b1, b2, b3 = w1[4, k], w1[5, k], w1[6, k], w1[7, k]
        below = b0 * m0 + b1 * m1 + b2 * m2 + b3 * m3
        pre = below + a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
        weight = w2[k]
        act = weight if pre > ZERO else ZERO
        change = act - (weight if below > ZERO else ZERO)
        g0 += act * a0
        g1 += act * a1
        g2 += act * a2
        g3 += act * a3
        d0 += change * b0
        d1 += change * b1
        d2 += change * b2
        d3 += change * b3
    return g0, g1, g2, g3, d0, d1, d2, d3


@inline
def decode_color(w1, w2, x0, x1, x2, x3):
    """Return what is to be added to red, green and blue, which are 0..1."""
    red, green, blue = x0, x1, x2
    for k in range(HIDDEN_COLOR):
        pre = max(w1[0, k] * x0 + w1[1, k] * x1 + w1[2, k] * x2 + w1[3, k] * x3, ZERO)
        red += pre * w2[k, 0]
        green += pre * w2[k, 1]
        blue += pre * w2[k, 2]
    return red, green, blue


@inline
def as_byte(value):
    """Return a colour channel 0..1 as 0..255, rounded."""
    return np.uint8(min(max(value, ZERO), ONE) * np.float32(255.0) + HALF)
