"""Depth preparation in numba; contracts in `kernels.depth`."""

import numpy as np
from numba import prange

from kernels.cpu.compile import inline, parallel_kernel
from kernels.depth import NO_GRADIENT

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@inline
def sigma(z, noise):
    """Standard deviation of a reading at depth z."""
    return noise[0] + z * (noise[1] + z * noise[2])


@inline
def jump_threshold(z, noise):
    """Depth difference between neighbours above which they belong to two surfaces."""
    return max(np.float32(5.0) * sigma(z, noise), np.float32(0.025) * z)


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


@parallel_kernel
def inverse_depth_gradient(depth_m, noise):
    h, w = depth_m.shape
    out = np.full((h, w, 2), NO_GRADIENT, np.float32)
    for v in prange(1, h - 1):
        for u in range(1, w - 1):
            z = depth_m[v, u]
            left, right = depth_m[v, u - 1], depth_m[v, u + 1]
            up, down = depth_m[v - 1, u], depth_m[v + 1, u]
            limit = jump_threshold(z, noise)
            nearest = min(min(left, right), min(up, down))
            # the second difference tells a slanted plane from a jump
            bend = max(abs(left - z - (z - right)), abs(up - z - (z - down)))
            if z > ZERO and nearest > ZERO and bend < limit:
                out[v, u, 0] = np.float32(0.5) * (ONE / right - ONE / left)
                out[v, u, 1] = np.float32(0.5) * (ONE / down - ONE / up)
    return out


@parallel_kernel
def fusion_planes(depth_m, gradient, intrinsics, noise):
    h, w = depth_m.shape
    gh, gw = gradient.shape[0], gradient.shape[1]
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    reference = sigma(ONE, noise)
    planes = np.empty((h * w + 1, 4), np.float32)
    weights = np.empty(h * w + 1, np.float32)
    planes[h * w, :] = ZERO
    weights[h * w] = ZERO
    for row in prange(h):
        v = np.int64(row)  # prange counts unsigned, and unsigned with signed makes a float
        gv = min(v >> 2, gh - 1)
        y = (np.float32(v) - cy) / fy
        for u in range(w):
            z = depth_m[v, u]
            i = v * w + u
            if z <= ZERO:
                planes[i, :] = ZERO
                weights[i] = ZERO
                continue
            gu = min(u >> 2, gw - 1)
            slope_u = gradient[gv, gu, 0] * np.float32(0.25)
            slope_v = gradient[gv, gu, 1] * np.float32(0.25)
            inverse = ONE / z
            nx, ny = slope_u * fx, slope_v * fy
            x = (np.float32(u) - cx) / fx
            nz = inverse - nx * x - ny * y
            if gradient[gv, gu, 0] == NO_GRADIENT or nz <= ZERO:
                nx, ny, nz = ZERO, ZERO, inverse
            scale = ONE / np.sqrt(nx * nx + ny * ny + nz * nz)
            planes[i, 0] = nx * scale
            planes[i, 1] = ny * scale
            planes[i, 2] = nz * scale
            planes[i, 3] = scale  # n . p = 1 on the plane before normalisation
            ray = np.sqrt(x * x + y * y + ONE)
            relative = reference / sigma(z, noise)
            weight = scale * inverse / ray * relative * relative
            limit = jump_threshold(z, noise)
            for k in range(4):
                nv = v + (k == 0) - (k == 1)
                nu = u + (k == 2) - (k == 3)
                if nv >= 0 and nu >= 0 and nv < h and nu < w:
                    if abs(depth_m[nv, nu] - z) > limit:
                        weight *= np.float32(0.1)
                        break
            weights[i] = weight
    return planes, weights
