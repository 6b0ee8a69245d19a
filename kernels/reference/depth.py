"""Depth preparation in plain numpy, float64: the definition."""

import numpy as np

from kernels.depth import NO_GRADIENT

Float = np.ndarray | np.float64


def sigma(z: Float, noise: np.ndarray) -> Float:
    """Return the standard deviation of readings at depth z."""
    constant, linear, quadratic = noise.astype(np.float64)
    return constant + linear * z + quadratic * z**2


def jump_threshold(z: Float, noise: np.ndarray) -> Float:
    """Return the depth difference between neighbours above which they belong to two surfaces."""
    return np.maximum(5.0 * sigma(z, noise), 0.025 * z)


def halve_depth(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """See `kernels.depth.halve_depth`. The jump threshold is that of the nearest reading."""
    h, w = depth_m.shape[0] // 2, depth_m.shape[1] // 2
    z = depth_m[: 2 * h, : 2 * w].astype(np.float64)
    readings = np.stack([z[0::2, 0::2], z[0::2, 1::2], z[1::2, 0::2], z[1::2, 1::2]])
    nearest = np.where(readings > 0, readings, 1e9).min(axis=0)
    limit = nearest + jump_threshold(nearest, noise)
    is_taken = (readings > 0) & (readings < limit)
    count = is_taken.sum(axis=0)
    inverse_sum = np.where(is_taken, 1.0 / np.where(is_taken, readings, 1.0), 0.0).sum(axis=0)
    return np.where(count >= 3, count / np.maximum(inverse_sum, 1e-12), 0.0).astype(np.float32)


def inverse_depth_gradient(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """See `kernels.depth.inverse_depth_gradient`.

    A neighbour lies across a jump where the second difference of depth exceeds the jump threshold:
    the first difference of a slanted plane may be as large as that of a jump.
    """
    h, w = depth_m.shape
    gradient = np.full((h, w, 2), NO_GRADIENT, np.float32)
    if h < 3 or w < 3:
        return gradient
    padded = depth_m.astype(np.float64)
    z = padded[1:-1, 1:-1]
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    up, down = padded[:-2, 1:-1], padded[2:, 1:-1]
    is_complete = np.min([z, left, right, up, down], axis=0) > 0
    bend = np.maximum(np.abs(left + right - 2.0 * z), np.abs(up + down - 2.0 * z))
    is_smooth = is_complete & (bend < jump_threshold(z, noise))
    v, u = np.nonzero(is_smooth)
    gradient[v + 1, u + 1, 0] = (1.0 / right[v, u] - 1.0 / left[v, u]) / 2.0
    gradient[v + 1, u + 1, 1] = (1.0 / down[v, u] - 1.0 / up[v, u]) / 2.0
    return gradient


def normals(depth_m: np.ndarray, gradient: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """See `kernels.depth.normals`."""
    h, w = depth_m.shape
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.mgrid[:h, :w]
    has_gradient = gradient[..., 0] != NO_GRADIENT
    inverse_depth = 1.0 / np.where(has_gradient, depth_m, 1.0)
    nx, ny = gradient[..., 0] * fx, gradient[..., 1] * fy
    nz = inverse_depth - nx * (u - cx) / fx - ny * (v - cy) / fy
    n = np.where(has_gradient[..., None], np.stack([nx, ny, nz], axis=-1), [0.0, 0.0, 1.0])
    return (n / np.linalg.norm(n, axis=-1, keepdims=True)).astype(np.float32)


def mark_edges(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """See `kernels.depth.mark_edges`. The jump threshold is that of the pixel itself."""
    z = depth_m.astype(np.float64)
    around = np.pad(z, 1)  # outside the image all is missing
    neighbors = np.stack([around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]])
    is_jump = (neighbors > 0) & (np.abs(neighbors - z) > jump_threshold(z, noise))
    marked = np.where(is_jump.any(axis=0), -z, z)
    return np.append(marked, 0.0).astype(np.float32)
