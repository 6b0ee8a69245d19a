"""Depth preparation in numba; contracts in `kernels.depth`."""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.depth import NO_GRADIENT
from kernels.scalar.compile import inline
from kernels.scalar.noise import jump_threshold, sigma

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@parallel_kernel
def halve_depth(depth_m, noise):
    h, w = depth_m.shape[0] // 2, depth_m.shape[1] // 2
    out = np.zeros((h, w), np.float32)
    for v in prange(h):
        for u in range(w):
            nearest = np.float32(1e9)
            for k in range(4):
                z = depth_m[2 * v + (k >> 1), 2 * u + (k & 1)]
                if z > ZERO and z < nearest:
                    nearest = z
            limit = nearest + jump_threshold(nearest, noise)
            total = ZERO
            count = ZERO
            for k in range(4):
                z = depth_m[2 * v + (k >> 1), 2 * u + (k & 1)]
                if z > ZERO and z < limit:
                    total += ONE / z
                    count += ONE
            if count >= np.float32(3.0):
                out[v, u] = count / total
    return out


@inline
def _slope(before, here, after, limit):
    """Return d(1/z) a pixel along one axis: central, one-sided beside a jump or a gap, or none."""
    # the second difference tells a slanted plane from a jump
    is_even = abs(before + after - here - here) < limit
    has_before = before > ZERO and abs(before - here) < limit
    has_after = after > ZERO and abs(after - here) < limit
    slope = NO_GRADIENT
    if before > ZERO and after > ZERO and is_even:
        slope = np.float32(0.5) * (ONE / after - ONE / before)
    elif has_before and not has_after:
        slope = ONE / here - ONE / before
    elif has_after and not has_before:
        slope = ONE / after - ONE / here
    return slope


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
            du = _slope(left, z, right, limit)
            dv = _slope(above, z, below, limit)
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
                nx, ny = gradient[v, u, 0] * fx, gradient[v, u, 1] * fy
                nz = ONE / depth_m[v, u] - nx * x - ny * y
            scale = ONE / np.sqrt(nx * nx + ny * ny + nz * nz)
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
        line[0] = _marked(here[0], here[0], here[min(1, w - 1)], above[0], below[0], noise)
        for u in range(1, w - 1):  # without the border it vectorises
            line[u] = _marked(here[u], here[u - 1], here[u + 1], above[u], below[u], noise)
        e = w - 1
        line[e] = _marked(here[e], here[max(e - 1, 0)], here[e], above[e], below[e], noise)
    return out


@inline
def _marked(z, left, right, above, below, noise):
    """Return z, negative if one of its neighbours lies across a jump."""
    limit = jump_threshold(z, noise)
    jump = max(_step(z, left), _step(z, right), _step(z, above), _step(z, below))
    return -z if jump > limit else z


@inline
def _step(z, neighbor):
    return abs(neighbor - z) if neighbor > ZERO else ZERO


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
            nx, ny = gradient[v, u, 0] * fx, gradient[v, u, 1] * fy
            nz = ONE / z - nx * x - ny * y
            squares = (nx * nx + ny * ny + nz * nz) * (x * x + y * y + ONE)
            cosine = ONE / (z * np.sqrt(squares))  # n . p = 1
            points[n, 0] = x * z
            points[n, 1] = y * z
            points[n, 2] = z
            sigma_m[n] = sigma(z, noise) * max(cosine, np.float32(0.3))
            n += 1
    return n


def point_cloud(depth_m, gradient, intrinsics, noise):
    points = np.empty((depth_m.size, 3), np.float32)
    sigma_m = np.empty(depth_m.size, np.float32)
    n = _collect_points(depth_m, gradient, intrinsics, noise, points, sigma_m)
    return points[:n], sigma_m[:n]
