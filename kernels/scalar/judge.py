"""One reading's judgement; see `kernels.judge`. Nothing branches, so that rows vectorise."""

import numpy as np

from kernels.judge import (
    HALF,
    HALF_RELATIVE,
    LEAST_SIGMA_M,
    NO_NEIGHBOR,
    NUM_FEATURES,
    NUM_HIDDEN,
    REACH,
)
from kernels.scalar.compile import inline
from kernels.scalar.noise import sigma

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
MIDDLE = np.float32(0.5)
EIGHTH = np.float32(0.125)
UNIT = NUM_FEATURES + 1  # numbers of the network that belong to one hidden unit
LAST = NUM_HIDDEN * UNIT


@inline
def farness(z):
    """Return inverse depth, 0 where it is missing."""
    return ONE / z if z > ZERO else ZERO


@inline
def _squashed(x):
    return x / (x + HALF)


@inline
def _single(there, here, per_sigma):
    return abs(there - here) * per_sigma if there > ZERO else NO_NEIGHBOR


@inline
def _pair(a, b, here, per_sigma):
    difference = (a + b - here - here) * MIDDLE * per_sigma
    return difference if min(a, b) > ZERO else NO_NEIGHBOR


@inline
def _ordered(a, b):
    return min(a, b), max(a, b)


@inline
def _sorted4(a, b, c, d):
    a, c = _ordered(a, c)
    b, d = _ordered(b, d)
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    b, c = _ordered(b, c)
    return a, b, c, d


@inline
def sorted8(a, b, c, d, e, f, g, h):
    """Sort eight numbers with the 19 comparisons that it takes."""
    a, c = _ordered(a, c)
    b, d = _ordered(b, d)
    e, g = _ordered(e, g)
    f, h = _ordered(f, h)
    a, e = _ordered(a, e)
    b, f = _ordered(b, f)
    c, g = _ordered(c, g)
    d, h = _ordered(d, h)
    a, b = _ordered(a, b)
    c, d = _ordered(c, d)
    e, f = _ordered(e, f)
    g, h = _ordered(g, h)
    c, e = _ordered(c, e)
    d, f = _ordered(d, f)
    b, e = _ordered(b, e)
    d, g = _ordered(d, g)
    b, c = _ordered(b, c)
    d, e = _ordered(d, e)
    f, g = _ordered(f, g)
    return a, b, c, d, e, f, g, h


@inline
def _missing(a):
    return ZERO if a > ZERO else EIGHTH


@inline
def ring(here, per_sigma, a, b, c, d, e, f, g, h):
    """Return the nine features of a ring, and what its pairs say: the sum of their weights, and
    that of their weighted differences. a and b, c and d and so on are opposite neighbours.
    """
    p, q = _pair(a, b, here, per_sigma), _pair(c, d, here, per_sigma)
    r, s = _pair(e, f, here, per_sigma), _pair(g, h, here, per_sigma)
    p0, p1, p2, p3 = _sorted4(abs(p), abs(q), abs(r), abs(s))
    s0, s1, _, s3, _, s5, _, _ = sorted8(
        _single(a, here, per_sigma), _single(b, here, per_sigma),
        _single(c, here, per_sigma), _single(d, here, per_sigma),
        _single(e, here, per_sigma), _single(f, here, per_sigma),
        _single(g, here, per_sigma), _single(h, here, per_sigma),
    )  # fmt: skip
    missing = _missing(a) + _missing(b) + _missing(c) + _missing(d)
    missing += _missing(e) + _missing(f) + _missing(g) + _missing(h)
    features = (
        _squashed(p0), _squashed(p1), _squashed(p2), _squashed(p3),
        _squashed(s0), _squashed(s1), _squashed(s3), _squashed(s5), missing,
    )  # fmt: skip
    u, v, x, y = _weight(p), _weight(q), _weight(r), _weight(s)
    return features, (u + v) + (x + y), (u * p + v * q) + (x * r + y * s)


@inline
def _weight(difference):
    part = difference * (ONE / REACH)
    return max(ONE - part * part, ZERO)


@inline
def scale(z, noise):
    """Return what differences of inverse depth are multiplied by, and sigma over depth."""
    sigma_m = max(sigma(z, noise), LEAST_SIGMA_M)
    return z * z / sigma_m, sigma_m / (z if z > ZERO else ONE)


@inline
def noisiness(relative):
    """Return the feature of sigma over depth."""
    return relative / (relative + HALF_RELATIVE)


@inline
def unit(network, j, near, far, noisy):
    """Return the value of hidden unit j."""
    k = j * UNIT
    n0, n1, n2, n3, n4, n5, n6, n7, n8 = near
    f0, f1, f2, f3, f4, f5, f6, f7, f8 = far
    total = network[k + 19] + network[k + 18] * noisy
    total += network[k] * n0 + network[k + 1] * n1 + network[k + 2] * n2 + network[k + 3] * n3
    total += network[k + 4] * n4 + network[k + 5] * n5 + network[k + 6] * n6 + network[k + 7] * n7
    total += network[k + 8] * n8 + network[k + 9] * f0 + network[k + 10] * f1 + network[k + 11] * f2
    total += network[k + 12] * f3 + network[k + 13] * f4 + network[k + 14] * f5
    total += network[k + 15] * f6 + network[k + 16] * f7 + network[k + 17] * f8
    return max(total, ZERO)


@inline
def _output(network, j, units):
    k = LAST + j * (NUM_HIDDEN + 1)
    a, b, c, d, e, f, g, h = units
    total = network[k] * a + network[k + 1] * b + network[k + 2] * c + network[k + 3] * d
    total += network[k + 4] * e + network[k + 5] * f + network[k + 6] * g + network[k + 7] * h
    return total + network[k + 8]


@inline
def judged(z, relative, network, units, near_weight, near_sum, far_weight, far_sum):
    """Return a reading corrected, 0 where it is missing or not believed."""
    trust = _output(network, 0, units)
    near_gain = max(_output(network, 1, units), ZERO)
    far_gain = max(_output(network, 2, units), ZERO)
    weight = near_gain * near_weight + far_gain * far_weight
    sigmas = (near_gain * near_sum + far_gain * far_sum) / (MIDDLE + weight)
    corrected = z / max(ONE + sigmas * relative, MIDDLE)
    return corrected if (trust > ZERO) & (z > ZERO) else ZERO
