"""Undistortion on CUDA; contracts in `kernels.undistort`. A thread works on a pixel."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.launch import kernel, launch_over
from kernels.undistort import UNITY

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
PER_UNITY = np.float32(1.0 / UNITY)


@kernel
def _straighten_color(color, corner, fraction, w, out):
    i = cuda.grid(1)
    if i < corner.shape[0]:
        at, part = corner[i], np.int32(fraction[i])
        a, b = np.float32(part & 255) * PER_UNITY, np.float32(part >> 8) * PER_UNITY
        for c in range(3):
            z00, z10 = np.float32(color[at, c]), np.float32(color[at + 1, c])
            z01, z11 = np.float32(color[at + w, c]), np.float32(color[at + w + 1, c])
            top, bottom = z00 + a * (z10 - z00), z01 + a * (z11 - z01)
            out[i, c] = np.uint8(top + b * (bottom - top) + HALF)


def undistort_color(color, table):
    h, w = table.corner.shape
    out = empty((h, w, 3), torch.uint8)
    corner, fraction = table.corner.view(-1), table.fraction.view(-1)
    arguments = (color.view(-1, 3), corner, fraction, w, out.view(-1, 3))
    launch_over(_straighten_color, h * w, *arguments)
    return out


@kernel
def _straighten_depth(depth_m, corner, fraction, is_seen, w, out):
    i = cuda.grid(1)
    if i < corner.shape[0]:
        z = ZERO
        if is_seen[i]:
            at, part = corner[i], np.int32(fraction[i])
            at += (1 if 2 * (part & 255) >= UNITY else 0) + (w if 2 * (part >> 8) >= UNITY else 0)
            z = depth_m[at]
        out[i] = z


def undistort_depth(depth_m, table):
    h, w = table.corner.shape
    out = empty((h, w), torch.float32)
    corner, fraction = table.corner.view(-1), table.fraction.view(-1)
    arguments = (depth_m.view(-1), corner, fraction, table.is_seen.view(-1), w, out.view(-1))
    launch_over(_straighten_depth, h * w, *arguments)
    return out
