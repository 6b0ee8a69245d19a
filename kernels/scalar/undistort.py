"""One pixel of undistorted depth; see `kernels.undistort`."""

import numpy as np

from kernels.scalar.compile import inline
from kernels.undistort import SAME_SURFACE

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)


@inline
def straightened(z00, z10, z01, z11, a, b):
    """Return the depth between four readings, a of a pixel right of the first and b below it."""
    above = z10 if a >= HALF else z00
    below = z11 if a >= HALF else z01
    nearest = below if b >= HALF else above
    limit = SAME_SURFACE * nearest
    apart = max(abs(z00 - nearest), abs(z10 - nearest), abs(z01 - nearest), abs(z11 - nearest))
    # where it is used all four are above 0; elsewhere a division by 0 must not stop the vectors
    is_surface = apart < limit
    d00, d10 = ONE / (z00 if is_surface else ONE), ONE / (z10 if is_surface else ONE)
    d01, d11 = ONE / (z01 if is_surface else ONE), ONE / (z11 if is_surface else ONE)
    top, bottom = d00 + a * (d10 - d00), d01 + a * (d11 - d01)
    smooth = ONE / (top + b * (bottom - top))
    return smooth if is_surface else nearest
