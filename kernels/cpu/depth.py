"""Depth preparation in numba; contracts in `kernels.depth`."""

import math

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.depth import NO_GRADIENT
from kernels.scalar.depth import halved, marked, normal_sigma, plane, slope
from kernels.scalar.noise import jump_threshold

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@parallel_kernel
def halve_depth(depth_m, noise):
    h, w = depth_m.shape[0] // 2, depth_m.shape[1] // 2
    out = np.zeros((h, w), np.float32)
    for v in prange(h):
        for u in range(w):
            out[v, u] = halved(
                depth_m[2 * v, 2 * u], depth_m[2 * v, 2 * u + 1],
                depth_m[2 * v + 1, 2 * u], depth_m[2 * v + 1, 2 * u + 1], noise,
            )  # fmt: skip
    return out


@parallel_kernel
def inverse_depth_gradient(depth_m, noise):
    h, w = depth_m.shape
    out = np.full((h, w, 2), NO_GRADIENT, np.float32)
    for row in prange(h):
        v = np.int64(row)
        for u in range(w):
            z = depth_m[v, u]
            if z <= ZERO:
                continue
            limit = jump_threshold(z, noise)
            left = depth_m[v, u - 1] if u > 0 else ZERO
            right = depth_m[v, u + 1] if u < w - 1 else ZERO
            above = depth_m[v - 1, u] if v > 0 else ZERO
            below = depth_m[v + 1, u] if v < h - 1 else ZERO
            du = slope(left, z, right, limit)
            dv = slope(above, z, below, limit)
            if du != NO_GRADIENT and dv != NO_GRADIENT:
                out[v, u, 0] = du
                out[v, u, 1] = dv
    return out


@parallel_kernel
def normals(depth_m, gradient, intrinsics):
    h, w = depth_m.shape
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    out = np.empty((h, w, 3), np.float32)
    for v in prange(h):
        y = (np.float32(v) - cy) / fy
        for u in range(w):
            x = (np.float32(u) - cx) / fx
            nx, ny, nz = ZERO, ZERO, ONE
            if gradient[v, u, 0] != NO_GRADIENT:
                nx, ny, nz = plane(
                    depth_m[v, u], x, y, gradient[v, u, 0], gradient[v, u, 1], fx, fy
                )
            scale = ONE / math.sqrt(nx * nx + ny * ny + nz * nz)
            out[v, u, 0] = nx * scale
            out[v, u, 1] = ny * scale
            out[v, u, 2] = nz * scale
    return out


@parallel_kernel
def mark_edges(depth_m, noise):
    h, w = depth_m.shape
    out = np.zeros(h * w + 1, np.float32)
    if w == 0:
        return out
    for row in prange(h):
        v = np.int64(row)  # prange counts unsigned, and unsigned with signed makes a float
        above, here, below = depth_m[max(v - 1, 0)], depth_m[v], depth_m[min(v + 1, h - 1)]
        line = out[v * w : (v + 1) * w]
        line[0] = marked(here[0], here[0], here[min(1, w - 1)], above[0], below[0], noise)
        for u in range(1, w - 1):  # without the border it vectorises
            line[u] = marked(here[u], here[u - 1], here[u + 1], above[u], below[u], noise)
        e = w - 1
        line[e] = marked(here[e], here[max(e - 1, 0)], here[e], above[e], below[e], noise)
    return out


@kernel
def _collect_points(depth_m, gradient, intrinsics, noise, points, sigma_m):
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    n = 0
    for v in range(depth_m.shape[0]):
        y = (np.float32(v) - cy) / fy
        for u in range(depth_m.shape[1]):
            z = depth_m[v, u]
            if z <= ZERO or gradient[v, u, 0] == NO_GRADIENT:
                continue
            x = (np.float32(u) - cx) / fx
            nx, ny, nz = plane(z, x, y, gradient[v, u, 0], gradient[v, u, 1], fx, fy)
            points[n, 0] = x * z
            points[n, 1] = y * z
            points[n, 2] = z
            sigma_m[n] = normal_sigma(z, x, y, nx, ny, nz, noise)
            n += 1
    return n


def point_cloud(depth_m, gradient, intrinsics, noise):
    points = np.empty((depth_m.size, 3), np.float32)
    sigma_m = np.empty(depth_m.size, np.float32)
    n = _collect_points(depth_m, gradient, intrinsics, noise, points, sigma_m)
    return points[:n], sigma_m[:n]
