"""Textured pixels in plain numpy: the definition."""

import numpy as np

from kernels.image import TexturedPoints


def pick_textured(
    gray: np.ndarray, depth_m: np.ndarray, intrinsics: np.ndarray, min_gradient: float, most: int
) -> TexturedPoints:
    """See `kernels.image.pick_textured`."""
    du = np.zeros_like(gray)
    dv = np.zeros_like(gray)
    du[:, 1:-1] = 0.5 * (gray[:, 2:] - gray[:, :-2])
    dv[1:-1] = 0.5 * (gray[2:] - gray[:-2])
    around = np.pad(gray, 1)
    known = gray >= 0
    for neighbors in (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]):
        known &= neighbors >= 0
    v, u = np.nonzero((du * du + dv * dv > min_gradient**2) & (depth_m > 0) & known)
    if len(v) > most:
        keep = np.arange(most) * (len(v) - 1) // (most - 1)
        v, u = v[keep], u[keep]
    fx, fy, cx, cy = intrinsics
    z = depth_m[v, u]
    x = (u.astype(np.float32) - cx) / fx
    y = (v.astype(np.float32) - cy) / fy
    points = np.stack([x * z, y * z, z], axis=1)
    return TexturedPoints(points, gray[v, u], np.array([len(v)], np.int32))
