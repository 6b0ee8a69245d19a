"""What is taken from a grey image: the pixels that carry information for direct alignment."""

from typing import NamedTuple

import numpy as np

from kernels.dispatch import check_array, implementation


class TexturedPoints(NamedTuple):
    """Camera-frame points of textured pixels, row by row. On a GPU the arrays have room for as many
    as may be taken, and the device alone knows how many there are.
    """

    points: np.ndarray  # float32 (n, 3)
    intensities: np.ndarray  # float32 (n,), grey levels
    count: np.ndarray  # int32 (1,)


def pick_textured(
    gray: np.ndarray, depth_m: np.ndarray, intrinsics: np.ndarray, min_gradient: float, most: int
) -> TexturedPoints:
    """Return the pixels with depth where float32 grey levels (h, w) change by more than
    `min_gradient` a pixel. Where there are more than `most`, evenly spaced ones are taken.

    The gradient is the central difference, 0 across the border. A pixel without colour is below 0;
    it is not taken, nor is one beside it.
    """
    check_array("gray", gray, "float32", (None, None))
    check_array("depth_m", depth_m, "float32", tuple(gray.shape))
    check_array("intrinsics", intrinsics, "float32", (4,))
    if most < 2:
        raise ValueError(f"most must be 2 at least, got {most}")
    return implementation("image", gray).pick_textured(
        gray, depth_m, intrinsics, min_gradient, most
    )
