"""Undistortion in plain numpy, float64: the definition."""

import numpy as np

from kernels.undistort import UNITY, UndistortionTable


def undistort_color(color: np.ndarray, table: UndistortionTable) -> np.ndarray:
    right, below = fractions(table)
    around = corners(color, table).astype(np.float64)  # (4, h, w, 3)
    weights = corner_weights(right, below)[..., None]
    return np.floor((weights * around).sum(axis=0) + 0.5).astype(np.uint8)


def undistort_depth(depth_m: np.ndarray, table: UndistortionTable) -> np.ndarray:
    right, below = fractions(table)
    index = 2 * (below >= 0.5).astype(int) + (right >= 0.5)
    nearest = np.take_along_axis(corners(depth_m, table), index[None], axis=0)[0]
    return np.where(table.is_seen, nearest, np.float32(0.0))


def fractions(table: UndistortionTable) -> tuple[np.ndarray, np.ndarray]:
    """Return how far right of and below the corner each pixel lies."""
    return (table.fraction & 255) / UNITY, (table.fraction >> 8) / UNITY


def corner_weights(right: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the bilinear weights (4, h, w) of the corners, row by row."""
    return np.stack(
        [(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below]
    )


def corners(image: np.ndarray, table: UndistortionTable) -> np.ndarray:
    """Return the four pixels around each place, row by row."""
    w = image.shape[1]
    flat = image.reshape(-1, *image.shape[2:])
    return np.stack([flat[table.corner + offset] for offset in (0, 1, w, w + 1)])
