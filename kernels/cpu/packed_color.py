"""Colour images with a pixel in a word: red, green and blue in its bytes, from the lowest.

Interpolation goes over a row in flat passes: the four pixels around each place are gathered, then
mixed, then written as bytes. Only so the arithmetic vectorises.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.scalar.compile import inline, subroutine

BYTE, TWO_BYTES, LOW = np.uint32(8), np.uint32(16), np.uint32(0xFF)
HALF = np.float32(0.5)


@parallel_kernel
def pack(color):
    """Pack an image uint8 (h, w, 3)."""
    h, w = color.shape[:2]
    packed = np.empty((h, w), np.uint32)
    for v in prange(h):
        for u in range(w):
            red, green, blue = color[v, u, 0], color[v, u, 1], color[v, u, 2]
            packed[v, u] = np.uint32(red) | np.uint32(green) << BYTE | np.uint32(blue) << TWO_BYTES
    return packed


@subroutine
def mix_row(around, right, below, line):
    """Interpolate between packed pixels (4, w), `right` and `below` of a pixel from the first of
    each four, and write them as bytes (w, 3), rounded.
    """
    w = right.shape[0]
    mixed = np.empty(w, np.uint32)
    for u in range(w):
        p00, p10, p01, p11 = around[0, u], around[1, u], around[2, u], around[3, u]
        a, b = right[u], below[u]
        red = _blended(p00 & LOW, p10 & LOW, p01 & LOW, p11 & LOW, a, b)
        green = _blended(
            p00 >> BYTE & LOW, p10 >> BYTE & LOW, p01 >> BYTE & LOW, p11 >> BYTE & LOW, a, b
        )
        blue = _blended(
            p00 >> TWO_BYTES & LOW, p10 >> TWO_BYTES & LOW,
            p01 >> TWO_BYTES & LOW, p11 >> TWO_BYTES & LOW, a, b,
        )  # fmt: skip
        mixed[u] = np.uint32(red | green << np.int32(8) | blue << np.int32(16))
    for u in range(w):
        line[u, 0] = np.uint8(mixed[u] & LOW)
        line[u, 1] = np.uint8(mixed[u] >> BYTE & LOW)
        line[u, 2] = np.uint8(mixed[u] >> TWO_BYTES)


@inline
def _blended(p00, p10, p01, p11, a, b):
    z00, z10 = np.float32(np.int32(p00)), np.float32(np.int32(p10))
    z01, z11 = np.float32(np.int32(p01)), np.float32(np.int32(p11))
    top, bottom = z00 + a * (z10 - z00), z01 + a * (z11 - z01)
    return np.int32(top + b * (bottom - top) + HALF)
