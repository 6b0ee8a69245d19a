"""Colour images on CUDA, as the CPU has them from OpenCV and NumPy. A thread works on a pixel."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.compact import count_up
from kernels.cuda.launch import kernel, launch_over
from kernels.dispatch import check_array
from kernels.image import TexturedPoints

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
# 0.299, 0.587 and 0.114 in units of 2^-15; as OpenCV 5 on all 2^24 colours
RED, GREEN, BLUE, ROUND, UNIT_BITS = 9798, 19235, 3735, 1 << 14, 15


@kernel
def _pack(color, mask, out):
    i = cuda.grid(1)
    if i < color.shape[0]:
        red, green, blue = np.uint32(color[i, 0]), np.uint32(color[i, 1]), np.uint32(color[i, 2])
        opaque = np.uint32(255 if mask.shape[0] == 0 or mask[i] else 0)
        out[i] = red | (green << np.uint32(8)) | (blue << np.uint32(16)) | (opaque << np.uint32(24))
    elif i == color.shape[0]:
        out[i] = 0


def pack_color(color: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return a colour image, uint8 (h, w, 3), as uint32 (h w + 1,): red in the low byte, and 255 in
    the high one where `mask`, bool (h, w), or (0, 0) for everywhere, is set. The element past the
    end is 0.
    """
    check_array("color", color, "uint8", (None, None, 3))
    check_array("mask", mask, "bool", tuple(color.shape[:2]) if mask.numel() else (0, 0))
    flat = color.view(-1, 3)
    out = empty((len(flat) + 1,), torch.uint32)
    launch_over(_pack, len(out), flat, mask.view(-1), out)
    return out


@kernel
def _weigh(color, out):
    i = cuda.grid(1)
    w = out.shape[1]
    if i < out.shape[0] * w:
        v, u = i // w, i % w
        red, green = np.int32(color[v, u, 0]), np.int32(color[v, u, 1])
        total = RED * red + GREEN * green + BLUE * np.int32(color[v, u, 2])
        out[v, u] = (total + ROUND) >> UNIT_BITS


def gray(color: torch.Tensor) -> torch.Tensor:
    """Return the grey levels of a colour image, uint8 (h, w): cv2.COLOR_RGB2GRAY."""
    check_array("color", color, "uint8", (None, None, 3))
    out = empty((color.shape[0], color.shape[1]), torch.uint8)
    launch_over(_weigh, out.numel(), color, out)
    return out


@kernel
def _halve_gray(gray, out):
    i = cuda.grid(1)
    w = out.shape[1]
    if i < out.shape[0] * w:
        v, u = i // w, i % w
        above = np.int32(gray[2 * v, 2 * u]) + np.int32(gray[2 * v, 2 * u + 1])
        below = np.int32(gray[2 * v + 1, 2 * u]) + np.int32(gray[2 * v + 1, 2 * u + 1])
        out[v, u] = (above + below + 2) >> 2


def halve_gray(gray: torch.Tensor) -> torch.Tensor:
    """Return grey levels, uint8, at half the size, (h // 2, w // 2): cv2.INTER_AREA of even sizes.
    Of an odd size the last row or column is left out.
    """
    check_array("gray", gray, "uint8", (None, None))
    out = empty((gray.shape[0] // 2, gray.shape[1] // 2), torch.uint8)
    launch_over(_halve_gray, out.numel(), gray, out)
    return out


@kernel
def _find_texture(gray, depth_m, min_gradient, is_chosen):
    i = cuda.grid(1)
    h, w = gray.shape
    if i < is_chosen.shape[0]:
        v, u = i // w, i % w
        du, dv, darkest = ZERO, ZERO, gray[v, u]
        if u > 0:
            darkest = min(darkest, gray[v, u - 1])
        if u < w - 1:
            darkest = min(darkest, gray[v, u + 1])
        if v > 0:
            darkest = min(darkest, gray[v - 1, u])
        if v < h - 1:
            darkest = min(darkest, gray[v + 1, u])
        if 0 < u < w - 1:
            du = HALF * (gray[v, u + 1] - gray[v, u - 1])
        if 0 < v < h - 1:
            dv = HALF * (gray[v + 1, u] - gray[v - 1, u])
        is_textured = du * du + dv * dv > min_gradient * min_gradient
        is_chosen[i] = 1 if is_textured and depth_m[v, u] > ZERO and darkest >= ZERO else 0


@kernel
def _take(gray, depth_m, K, is_chosen, ends, num_chosen, points, intensities, count):
    i = cuda.grid(1)
    most = np.int64(points.shape[0])
    total = np.int64(num_chosen[0])
    if i == 0:
        count[0] = min(total, most)
    if i < is_chosen.shape[0] and is_chosen[i] == 1:
        rank = np.int64(ends[i] - 1)
        n, is_taken = rank, True
        if total > most:  # the n-th that is taken is number n (total - 1) // (most - 1)
            n = (rank * (most - 1) + total - 2) // (total - 1)
            is_taken = n * (total - 1) // (most - 1) == rank
        if is_taken:
            v, u = i // depth_m.shape[1], i % depth_m.shape[1]
            z = depth_m[v, u]
            points[n, 0] = (np.float32(u) - K[2]) / K[0] * z
            points[n, 1] = (np.float32(v) - K[3]) / K[1] * z
            points[n, 2] = z
            intensities[n] = gray[v, u]


def pick_textured(gray, depth_m, intrinsics, min_gradient, most):
    is_chosen = empty((gray.numel(),), torch.int32)
    launch_over(_find_texture, len(is_chosen), gray, depth_m, min_gradient, is_chosen)
    ends, num_chosen = count_up(is_chosen)
    points = empty((most, 3), torch.float32)
    intensities = empty((most,), torch.float32)
    count = empty((1,), torch.int32)
    launch_over(
        _take, max(len(is_chosen), 1),
        gray, depth_m, intrinsics, is_chosen, ends, num_chosen, points, intensities, count,
    )  # fmt: skip
    return TexturedPoints(points, intensities, count)
