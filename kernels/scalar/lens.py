"""Where a lens images the direction (x, y, 1); see `kernels.lens`."""

import math

import numpy as np

from kernels.lens import F_THETA, MODEL
from kernels.scalar.compile import inline

ONE = np.float32(1.0)
TWO = np.float32(2.0)
HALF = np.float32(0.5)
TINY = np.float32(1e-8)


@inline
def brown_conrady(x, y, k, is_after_radial):
    """Both models with a tangential part."""
    r2 = x * x + y * y
    radial = (ONE + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) / (
        ONE + r2 * (k[5] + r2 * (k[6] + r2 * k[7]))
    )
    rx, ry = x * radial, y * radial
    tx = rx if is_after_radial else x
    ty = ry if is_after_radial else y
    dx = rx + TWO * k[2] * tx * ty + k[3] * (r2 + TWO * tx * tx)
    dy = ry + TWO * k[3] * tx * ty + k[2] * (r2 + TWO * ty * ty)
    return dx, dy


@inline
def wide_angle(x, y, k):
    """The models of an angle."""
    r = np.float32(math.sqrt(x * x + y * y))
    if k[MODEL] == np.float32(F_THETA):
        image_r = np.float32(math.atan(TWO * r * np.float32(math.tan(HALF * k[0])))) / k[0]
    else:
        theta = np.float32(math.atan(r))
        t2 = theta * theta
        image_r = theta * (ONE + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
    scale = image_r / r if r > TINY else ONE
    return x * scale, y * scale
