"""One pixel of depth preparation; see `kernels.depth`."""

import math

import numpy as np

from kernels.depth import NO_GRADIENT
from kernels.scalar.compile import inline
from kernels.scalar.noise import jump_threshold, sigma

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
FAR = np.float32(1e9)


@inline
def halved(a, b, c, d, noise):
    """Return the pixel of half the resolution over four readings."""
    nearest = FAR
    nearest = a if a > ZERO and a < nearest else nearest
    nearest = b if b > ZERO and b < nearest else nearest
    nearest = c if c > ZERO and c < nearest else nearest
    nearest = d if d > ZERO and d < nearest else nearest
    limit = nearest + jump_threshold(nearest, noise)
    total, count = ZERO, ZERO
    for z in (a, b, c, d):
        if z > ZERO and z < limit:
            total += ONE / z
            count += ONE
    return count / total if count >= np.float32(3.0) else ZERO


@inline
def slope(before, here, after, limit):
    """Return d(1/z) a pixel along one axis: central, one-sided beside a jump or a gap, or none."""
    # the second difference tells a slanted plane from a jump
    is_even = abs(before + after - here - here) < limit
    has_before = before > ZERO and abs(before - here) < limit
    has_after = after > ZERO and abs(after - here) < limit
    slope = NO_GRADIENT
    if before > ZERO and after > ZERO and is_even:
        slope = np.float32(0.5) * (ONE / after - ONE / before)
    elif has_before and not has_after:
        slope = ONE / here - ONE / before
    elif has_after and not has_before:
        slope = ONE / after - ONE / here
    return slope


@inline
def plane(z, x, y, du, dv, fx, fy):
    """Return n of the plane n . p = 1 through a reading at depth z on the ray (x, y, 1)."""
    nx, ny = du * fx, dv * fy
    return nx, ny, ONE / z - nx * x - ny * y


@inline
def normal_sigma(z, x, y, nx, ny, nz, noise):
    """Return the noise of that reading along the normal."""
    squares = (nx * nx + ny * ny + nz * nz) * (x * x + y * y + ONE)
    cosine = ONE / (z * math.sqrt(squares))  # n . p = 1
    return sigma(z, noise) * max(cosine, np.float32(0.3))


@inline
def marked(z, left, right, above, below, noise):
    """Return z, negative if one of its neighbours lies across a jump."""
    limit = jump_threshold(z, noise)
    jump = max(_step(z, left), _step(z, right), _step(z, above), _step(z, below))
    return -z if jump > limit else z


@inline
def _step(z, neighbor):
    return abs(neighbor - z) if neighbor > ZERO else ZERO
