"""Lens distortion in plain numpy, float64: the definition; see `kernels.lens`."""

import numpy as np

from kernels.lens import F_THETA, FISHEYE, MODEL, TANGENTIAL_AFTER_RADIAL


def distort(x: np.ndarray, y: np.ndarray, distortion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the lens images the direction (x, y, 1), in the plane z = 1."""
    k = distortion.astype(np.float64)
    if k[MODEL] in (FISHEYE, F_THETA):
        r = np.sqrt(x * x + y * y)
        scale = _image_radius(r, k) / np.maximum(r, 1e-8)
        return np.where(r > 1e-8, x * scale, x), np.where(r > 1e-8, y * scale, y)
    k1, k2, p1, p2, k3, k4, k5, k6 = k[:8]
    r2 = x * x + y * y
    radial = (1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1.0 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    is_after_radial = k[MODEL] == TANGENTIAL_AFTER_RADIAL
    tx, ty = (x * radial, y * radial) if is_after_radial else (x, y)
    dx = x * radial + 2.0 * p1 * tx * ty + p2 * (r2 + 2.0 * tx * tx)
    dy = y * radial + 2.0 * p2 * tx * ty + p1 * (r2 + 2.0 * ty * ty)
    return dx, dy


def _image_radius(r: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return how far from the centre the lens images what lies r from its axis."""
    if k[MODEL] == F_THETA:
        return np.arctan(2.0 * r * np.tan(0.5 * k[0])) / k[0]
    theta = np.arctan(r)
    t2 = theta * theta
    return theta * (1.0 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
