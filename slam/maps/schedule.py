"""What differs from frame to frame in fusion, so that no error is made twice in one place."""

import numpy as np
from jaxtyping import Float32

FREE_STRIDE = 16  # pixels between the rays that look for blocks in free space
# Odd, so without a common divisor with FREE_STRIDE: in 16 frames the rays start once at every row
# and every column. They differ, so that the starts lie spread over the cell, not on its diagonal.
_ROWS_A_FRAME, _COLUMNS_A_FRAME = 7, 11
_DITHER = np.random.default_rng(0).random(1024, dtype=np.float32)
_DITHER_STEPS_A_FRAME = 101  # odd, too: a voxel meets all 1024 values before one comes again


def free_offset_of(number: int) -> tuple[int, int]:
    """Return the row and column at which the free-space rays of the frame of this number start."""
    return number * _ROWS_A_FRAME % FREE_STRIDE, number * _COLUMNS_A_FRAME % FREE_STRIDE


def dither_of(number: int) -> Float32[np.ndarray, "1024"]:
    """Return the dither of the frame of this number; see `kernels.tsdf.integrate`."""
    return np.roll(_DITHER, _DITHER_STEPS_A_FRAME * number)
