"""One pixel of depth preparation; see `kernels.depth`."""

import numpy as np

from kernels.scalar.compile import inline
from kernels.scalar.noise import jump_threshold

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
