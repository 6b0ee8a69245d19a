"""Where a pixel looks, and how finely its band is sampled."""

import numpy as np

from kernels.scalar.compile import inline


@inline
def ray_through(u, v, intrinsics, T, scale):
    """Return the ray of pixel (u, v) in the frame that T leads to, `scale` long a unit of
    z-depth.
    """
    x = (np.float32(u) - intrinsics[2]) / intrinsics[0]
    y = (np.float32(v) - intrinsics[3]) / intrinsics[1]
    return (
        (T[0, 0] * x + T[0, 1] * y + T[0, 2]) * scale,
        (T[1, 0] * x + T[1, 1] * y + T[1, 2]) * scale,
        (T[2, 0] * x + T[2, 1] * y + T[2, 2]) * scale,
    )


@inline
def num_band_parts(tau, per_block):
    """Return into how many parts, of at most half a block, the band z - tau .. z + tau is cut."""
    return np.int32(np.float32(4.0) * tau * per_block) + np.int32(2)
