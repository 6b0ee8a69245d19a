"""Undistortion in numba; contracts in `kernels.undistort`."""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.cpu.packed_color import mix_row, pack
from kernels.scalar.compile import inline
from kernels.undistort import UNITY, UndistortionTable

ZERO, ONE = np.uint32(0), np.uint32(1)
HALF = np.uint16(UNITY // 2)
BYTE, LOW = np.uint16(8), np.uint16(0xFF)
PER_UNITY = np.float32(1.0 / UNITY)


def undistort_color(color, table: UndistortionTable):
    return _color(pack(color), table.corner, table.fraction)


@inline
def _gather(flat, corner, width, around):
    """Copy the four pixels around each place, row by row. On its own because only the arithmetic
    after it vectorises.
    """
    for u in range(corner.shape[0]):
        i = np.uint32(corner[u])  # unsigned, or numba asks whether it counts from the end
        around[0, u] = flat[i]
        around[1, u] = flat[np.uint32(i + ONE)]
        around[2, u] = flat[np.uint32(i + width)]
        around[3, u] = flat[np.uint32(i + width + ONE)]


@inline
def _fractions(part, right, below):
    for u in range(part.shape[0]):
        right[u] = np.float32(np.int32(part[u] & LOW)) * PER_UNITY
        below[u] = np.float32(np.int32(part[u] >> BYTE)) * PER_UNITY


@parallel_kernel
def _color(packed, corner, fraction):
    h, w = corner.shape
    flat = packed.ravel()
    out = np.empty((h, w, 3), np.uint8)
    for row in prange(h):
        v = np.int64(row)
        around = np.empty((4, w), np.uint32)
        right, below = np.empty(w, np.float32), np.empty(w, np.float32)
        _gather(flat, corner[v], np.uint32(w), around)
        _fractions(fraction[v], right, below)
        mix_row(around, right, below, out[v])
    return out


def undistort_depth(depth_m, table: UndistortionTable):
    return _depth(depth_m, *table)


@parallel_kernel
def _depth(depth_m, corner, fraction, is_seen):
    h, w = corner.shape
    width = np.uint32(w)
    flat = depth_m.ravel()
    out = np.empty((h, w), np.float32)
    for row in prange(h):
        v = np.int64(row)
        at, part, seen, line = corner[v], fraction[v], is_seen[v], out[v]
        for u in range(w):
            i = np.uint32(at[u])  # unsigned, or numba asks whether it counts from the end
            i = np.uint32(i + (ONE if part[u] & LOW >= HALF else ZERO))
            i = np.uint32(i + (width if part[u] >> BYTE >= HALF else ZERO))
            line[u] = flat[i] if seen[u] else np.float32(0.0)
    return out
