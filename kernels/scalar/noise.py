"""The noise of a depth reading."""

import numpy as np

from kernels.scalar.compile import inline


@inline
def sigma(z, noise):
    """Standard deviation of a reading at depth z."""
    return noise[0] + z * (noise[1] + z * noise[2])


@inline
def jump_threshold(z, noise):
    """Depth difference between neighbours above which they belong to two surfaces."""
    return max(np.float32(5.0) * sigma(z, noise), np.float32(0.025) * z)


@inline
def truncation(z, noise, truncation_m):
    """Half the width of the band about a reading: three standard deviations, within limits."""
    wide = np.float32(3.0) * sigma(z, noise)
    return min(max(wide, np.float32(truncation_m[0])), np.float32(truncation_m[1]))
