"""Earlier views in plain numpy: the definition."""

import numpy as np

from kernels.views import NEAR_M


def seen_through(
    points: np.ndarray,
    margin_m: np.ndarray,
    Ts_view_camera: np.ndarray,
    intrinsics: np.ndarray,
    nearest_m: np.ndarray,
) -> np.ndarray:
    """See `kernels.views.seen_through`."""
    rows, columns = nearest_m.shape[1:]
    is_seen_through = np.zeros(len(points), dtype=bool)
    for T, (fx, fy, cx, cy), surface_m in zip(Ts_view_camera, intrinsics, nearest_m, strict=True):
        x, y, z = T[:3, :3] @ points.T + T[:3, 3:]
        is_before = z > NEAR_M
        safe_z = np.where(is_before, z, 1.0)
        column, row = np.floor(x / safe_z * fx + cx), np.floor(y / safe_z * fy + cy)
        is_in = is_before & (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        cell = np.where(is_in, row, 0).astype(int), np.where(is_in, column, 0).astype(int)
        is_seen_through |= is_in & (surface_m[cell] > z + margin_m)
    return is_seen_through
