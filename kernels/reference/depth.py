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
    """See `kernels.depth.inverse_depth_gradient`. The jump threshold is the pixel's own."""
    z = depth_m.astype(np.float64)
    limit = jump_threshold(z, noise)
    around = np.pad(z, 1)  # outside the image all is missing
    du = _slope(around[1:-1, :-2], z, around[1:-1, 2:], limit)
    dv = _slope(around[:-2, 1:-1], z, around[2:, 1:-1], limit)
    has_both = np.isfinite(du) & np.isfinite(dv) & (z > 0)
    return np.where(has_both[..., None], np.stack([du, dv], -1), NO_GRADIENT).astype(np.float32)


def _slope(before: np.ndarray, z: np.ndarray, after: np.ndarray, limit: Float) -> np.ndarray:
    """Return the slope of inverse depth along one axis, NaN where it has none."""
    is_even = np.abs(before + after - 2.0 * z) < limit
    has_before = (before > 0) & (np.abs(before - z) < limit)
    has_after = (after > 0) & (np.abs(after - z) < limit)
    with np.errstate(divide="ignore", invalid="ignore"):
        central = (1.0 / after - 1.0 / before) / 2.0
        backward, forward = 1.0 / z - 1.0 / before, 1.0 / after - 1.0 / z
    conditions = [
        (before > 0) & (after > 0) & is_even,
        has_before & ~has_after,
        has_after & ~has_before,
    ]
    return np.select(conditions, [central, backward, forward], np.nan)


def normals(depth_m: np.ndarray, gradient: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """See `kernels.depth.normals`."""
    h, w = depth_m.shape
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.mgrid[:h, :w]
    has_gradient = gradient[..., 0] != NO_GRADIENT
    inverse_depth = 1.0 / np.where(has_gradient & (depth_m > 0), depth_m, 1.0)
    nx, ny = np.where(has_gradient, np.moveaxis(gradient, -1, 0), 0.0) * [[[fx]], [[fy]]]
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


def point_cloud(
    depth_m: np.ndarray, gradient: np.ndarray, intrinsics: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.depth.point_cloud`."""
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.nonzero((depth_m > 0) & (gradient[..., 0] != NO_GRADIENT))
    z = depth_m[v, u].astype(np.float64)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(len(z))], axis=1)
    n = normals(depth_m, gradient, intrinsics)[v, u].astype(np.float64)
    cosine = (n * rays).sum(axis=1) / np.linalg.norm(rays, axis=1)
    sigma_m = sigma(z, noise) * np.maximum(cosine, 0.3)
    return (rays * z[:, None]).astype(np.float32), sigma_m.astype(np.float32)
