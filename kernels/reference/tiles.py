"""Sums of tiles in plain numpy, float64: the definition."""

import numpy as np

from kernels.reference.align import NEAR_M, bilinear, project, seen_intensities
from kernels.tiles import FLOOR_M, MARGIN_M, MARGIN_SIGMAS, MAX_DISTANCE_M, MAX_SLOPE


def add_ranges(
    points: np.ndarray,
    sigma_m: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_view: np.ndarray,
    scale: float,
    tiles: tuple[int, int],
    sums: np.ndarray,
    seen: np.ndarray,
) -> None:
    """See `kernels.tiles.range_tiles`."""
    h, w = depth_m.shape
    T = T_camera_view.astype(np.float64)
    p = points @ T[:3, :3].T + T[:3, 3]
    u, v = project(p, intrinsics).T
    used = (p[:, 2] > NEAR_M) & (u >= 1) & (u < w - 2) & (v >= 1) & (v < h - 2)
    p, u, v, sigma = p[used], u[used], v[used], sigma_m[used].astype(np.float64)
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    around = [depth_m[row + j, column + i] for i in (0, 1) for j in (0, 1)]
    nearest, farthest = np.min(around, axis=0), np.max(around, axis=0)
    z = p[:, 2]
    margin = MARGIN_M + MARGIN_SIGMAS * sigma
    is_known = nearest > 0
    is_contradicted = is_known & ((nearest - z > margin) | (z - farthest > margin))
    tile = _tiles(u, v, (h, w), tiles)
    for k, values in enumerate((is_known, is_contradicted, np.where(is_known, z, 0.0))):
        seen[:, k] += np.bincount(tile, weights=values, minlength=len(seen))
    value, d_du, d_dv = bilinear(depth_m.astype(np.float64), u, v)
    residual = value - z
    used = is_known & (farthest - nearest <= MAX_SLOPE * z + MARGIN_SIGMAS * sigma)
    used &= np.abs(residual) <= MAX_DISTANCE_M
    fx, fy = intrinsics[:2].astype(np.float64)
    gx, gy = -d_du * fx / z, -d_dv * fy / z
    gradient = np.stack([gx, gy, 1.0 - (gx * p[:, 0] + gy * p[:, 1]) / z], axis=1)
    e_sigma = np.hypot(sigma, FLOOR_M)
    _add(sums, tile[used], p[used], gradient[used], residual[used], e_sigma[used], scale)


def add_intensities(
    points: np.ndarray,
    intensities: np.ndarray,
    image: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_view: np.ndarray,
    offset: float,
    sigma: float,
    scale: float,
    tiles: tuple[int, int],
    sums: np.ndarray,
) -> None:
    """See `kernels.tiles.intensity_tiles`."""
    p, gradient, residual = seen_intensities(
        points, intensities, image, depth_m, intrinsics, T_camera_view
    )
    u, v = project(p, intrinsics).T
    tile = _tiles(u, v, image.shape, tiles)
    _add(sums, tile, p, gradient, residual - offset, np.full(len(p), sigma), scale)


def _tiles(
    u: np.ndarray, v: np.ndarray, shape: tuple[int, ...], tiles: tuple[int, int]
) -> np.ndarray:
    """Return the tiles of places in an image."""
    row = np.minimum((v / shape[0] * tiles[0]).astype(np.int64), tiles[0] - 1)
    column = np.minimum((u / shape[1] * tiles[1]).astype(np.int64), tiles[1] - 1)
    return row * tiles[1] + column


def _add(
    sums: np.ndarray,
    tile: np.ndarray,
    points: np.ndarray,
    gradient: np.ndarray,
    residual: np.ndarray,
    sigma: np.ndarray,
    scale: float,
) -> None:
    """Add up residuals, tile by tile."""
    jacobian = np.hstack([gradient, np.cross(points, gradient)]) / sigma[:, None]
    e = residual / sigma
    weight = 1.0 / (1.0 + (e / scale) ** 2)
    a, b = np.triu_indices(6)
    products = weight[:, None] * np.hstack([jacobian[:, a] * jacobian[:, b], jacobian * e[:, None]])
    for k, values in enumerate([*products.T, weight * e**2, weight, weight * e, np.ones(len(e))]):
        sums[:, k] += np.bincount(tile, weights=values, minlength=len(sums))
