"""Depth preparation on CUDA; contracts in `kernels.depth`. A thread works on a pixel."""

import math

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.compact import count_up
from kernels.cuda.launch import kernel, launch_over
from kernels.depth import NO_GRADIENT
from kernels.scalar.depth import halved, marked, normal_sigma, plane, slope
from kernels.scalar.noise import jump_threshold

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@kernel
def _halve(depth_m, noise, out):
    i = cuda.grid(1)
    w = out.shape[1]
    if i < out.shape[0] * w:
        v, u = i // w, i % w
        out[v, u] = halved(
            depth_m[2 * v, 2 * u], depth_m[2 * v, 2 * u + 1],
            depth_m[2 * v + 1, 2 * u], depth_m[2 * v + 1, 2 * u + 1], noise,
        )  # fmt: skip


def halve_depth(depth_m, noise):
    out = empty((depth_m.shape[0] // 2, depth_m.shape[1] // 2), torch.float32)
    launch_over(_halve, out.numel(), depth_m, noise, out)
    return out


@kernel
def _differentiate(depth_m, noise, out):
    i = cuda.grid(1)
    h, w = depth_m.shape
    if i < h * w:
        v, u = i // w, i % w
        z = depth_m[v, u]
        du, dv = NO_GRADIENT, NO_GRADIENT
        if z > ZERO:
            limit = jump_threshold(z, noise)
            left = depth_m[v, u - 1] if u > 0 else ZERO
            right = depth_m[v, u + 1] if u < w - 1 else ZERO
            above = depth_m[v - 1, u] if v > 0 else ZERO
            below = depth_m[v + 1, u] if v < h - 1 else ZERO
            du = slope(left, z, right, limit)
            dv = slope(above, z, below, limit)
        has_both = du != NO_GRADIENT and dv != NO_GRADIENT
        out[v, u, 0] = du if has_both else NO_GRADIENT
        out[v, u, 1] = dv if has_both else NO_GRADIENT


def inverse_depth_gradient(depth_m, noise):
    out = empty((*depth_m.shape, 2), torch.float32)
    launch_over(_differentiate, depth_m.numel(), depth_m, noise, out)
    return out


@kernel
def _find_normals(depth_m, gradient, K, out):
    i = cuda.grid(1)
    w = depth_m.shape[1]
    if i < depth_m.shape[0] * w:
        v, u = i // w, i % w
        du, dv = gradient[v, u, 0], gradient[v, u, 1]
        nx, ny, nz = ZERO, ZERO, ONE
        if du != NO_GRADIENT:
            x, y = (np.float32(u) - K[2]) / K[0], (np.float32(v) - K[3]) / K[1]
            nx, ny, nz = plane(depth_m[v, u], x, y, du, dv, K[0], K[1])
        scale = ONE / np.float32(math.sqrt(nx * nx + ny * ny + nz * nz))
        out[v, u, 0] = nx * scale
        out[v, u, 1] = ny * scale
        out[v, u, 2] = nz * scale


def normals(depth_m, gradient, intrinsics):
    out = empty((*depth_m.shape, 3), torch.float32)
    launch_over(_find_normals, depth_m.numel(), depth_m, gradient, intrinsics, out)
    return out


@kernel
def _mark(depth_m, noise, out):
    i = cuda.grid(1)
    h, w = depth_m.shape
    if i < h * w:
        v, u = i // w, i % w
        out[i] = marked(
            depth_m[v, u], depth_m[v, max(u - 1, 0)], depth_m[v, min(u + 1, w - 1)],
            depth_m[max(v - 1, 0), u], depth_m[min(v + 1, h - 1), u], noise,
        )  # fmt: skip
    elif i == h * w:
        out[i] = ZERO


def mark_edges(depth_m, noise):
    out = empty((depth_m.numel() + 1,), torch.float32)
    launch_over(_mark, len(out), depth_m, noise, out)
    return out


@kernel
def _choose(depth_m, gradient, is_chosen):
    i = cuda.grid(1)
    if i < is_chosen.shape[0]:
        v, u = i // depth_m.shape[1], i % depth_m.shape[1]
        has_gradient = depth_m[v, u] > ZERO and gradient[v, u, 0] != NO_GRADIENT
        is_chosen[i] = 1 if has_gradient else 0


@kernel
def _unproject(depth_m, gradient, K, noise, is_chosen, ends, points, sigma_m):
    i = cuda.grid(1)
    if i < is_chosen.shape[0] and is_chosen[i] == 1:
        v, u = i // depth_m.shape[1], i % depth_m.shape[1]
        n = ends[i] - 1
        z = depth_m[v, u]
        x, y = (np.float32(u) - K[2]) / K[0], (np.float32(v) - K[3]) / K[1]
        nx, ny, nz = plane(z, x, y, gradient[v, u, 0], gradient[v, u, 1], K[0], K[1])
        points[n, 0] = x * z
        points[n, 1] = y * z
        points[n, 2] = z
        sigma_m[n] = normal_sigma(z, x, y, nx, ny, nz, noise)


def collect_points(depth_m, gradient, intrinsics, noise):
    """Return what `point_cloud` returns at the front of buffers for all pixels, points (h w, 3)
    and sigma_m (h w,), and the number of points, int32 (1,). Nothing is read back.
    """
    num_pixels = depth_m.numel()
    is_chosen = empty((num_pixels,), torch.int32)
    launch_over(_choose, num_pixels, depth_m, gradient, is_chosen)
    ends, count = count_up(is_chosen)
    points = empty((num_pixels, 3), torch.float32)
    sigma_m = empty((num_pixels,), torch.float32)
    launch_over(
        _unproject, num_pixels,
        depth_m, gradient, intrinsics, noise, is_chosen, ends, points, sigma_m,
    )  # fmt: skip
    return points, sigma_m, count


def point_cloud(depth_m, gradient, intrinsics, noise):
    points, sigma_m, count = collect_points(depth_m, gradient, intrinsics, noise)
    n = int(count)
    return points[:n], sigma_m[:n]
