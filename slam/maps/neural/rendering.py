"""How far the neural map is rendered, and its colour at points."""

import numpy as np
from jaxtyping import Float32, UInt8

from kernels import field as field_ops
from kernels.field import Field
from slam.maps.base import UNSEEN_COLOR

NEAR_M, FAR_M = 0.1, 8.0


def field_colors(field: Field, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """Decode the colour at world points; grey at what is observed, but in no keyframe yet."""
    rgb, is_known = field_ops.color(field, points)
    return np.where(is_known[:, None], rgb, UNSEEN_COLOR)
