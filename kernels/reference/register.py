"""Registration in plain numpy, float64: the definition."""

import numpy as np

from kernels.lens import LIMIT
from kernels.reference.lens import distort
from kernels.register import ColorCamera

MIN_Z = 1e-6  # of a ray in the colour camera: nothing beside or behind it is seen
ORDER_TOLERANCE_PX = 0.5
CLEARANCE_PX = 1.0


def register_color(
    color: np.ndarray, depth_m: np.ndarray, depth_intrinsics: np.ndarray, camera: ColorCamera
) -> tuple[np.ndarray, np.ndarray]:
    h, w = depth_m.shape
    fx, fy, cx, cy = depth_intrinsics.astype(np.float64)
    R, t = camera.T_color_depth[:, :3].astype(np.float64), camera.T_color_depth[:, 3]
    out = np.zeros((h, w, 3), np.uint8)
    is_seen = np.zeros((h, w), bool)
    for v in range(h):
        inverse_depth = fill_row(depth_m[v].astype(np.float64))
        rays = np.stack([(np.arange(w) - cx) / fx, np.full(w, (v - cy) / fy), np.ones(w)])
        points = R @ rays + np.outer(
            t, inverse_depth
        )  # times inverse depth: far is no special case
        u_color, v_color, is_reached = project(points, camera)
        source = visible_pixels(u_color, np.sign(t[0]))
        u_color, v_color = u_color[source], v_color[source]
        out[v] = sample(color, u_color, v_color)
        is_seen[v] = is_reached & is_inside(color, u_color, v_color)
    return out, is_seen


def fill_row(depth_m: np.ndarray) -> np.ndarray:
    """Return the inverse depth of a row; gaps have that of the farther of their neighbours, and a
    row without a reading is infinitely far away.
    """
    known = np.flatnonzero(depth_m > 0)
    inverse = np.zeros(len(depth_m))
    for u in range(len(depth_m)):
        left, right = known[known <= u], known[known >= u]
        beside = [depth_m[side] for side in (*left[-1:], *right[:1])]
        inverse[u] = 1.0 / max(beside) if beside else 0.0
    return inverse


def project(points: np.ndarray, camera: ColorCamera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns and rows of the colour image that points (3, n), of any scale, project to, and
    whether the model of the lens reaches so far; farther out they are those of its limit.
    """
    fx, fy, cx, cy = camera.intrinsics.astype(np.float64)
    z = np.maximum(points[2], MIN_Z)
    x, y = points[0] / z, points[1] / z
    r2, limit = x * x + y * y, float(camera.distortion[LIMIT])
    within = np.sqrt(np.minimum(1.0, limit / np.maximum(r2, 1e-12)))
    x, y = distort(x * within, y * within, camera.distortion)
    return x * fx + cx, y * fy + cy, r2 <= limit


def is_inside(color: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Tell which columns and rows lie in the image."""
    h, w = color.shape[:2]
    return (u > -0.5) & (u < w - 0.5) & (v > -0.5) & (v < h - 0.5)


def visible_pixels(u_color: np.ndarray, side: float) -> np.ndarray:
    """Return which pixel of a row each takes its colour from: itself unless it is hidden.

    `side` is the sign of x that the colour camera's frame adds: what is near moves that way most.
    For -1 it comes to lie over what is left of it, so going left from the right end nothing may
    project right of what was passed; what does is hidden, and is coloured from its left.
    """
    n = len(u_color)
    source = np.arange(n)
    if side == 0:
        return source
    if side > 0:  # the mirror image
        return n - 1 - visible_pixels(-u_color[::-1], -1.0)[::-1]
    lowest, is_hidden = np.inf, np.zeros(n, bool)
    for u in range(n - 1, -1, -1):
        is_in_shadow = u < n - 1 and is_hidden[u + 1]
        limit = lowest - CLEARANCE_PX if is_in_shadow else lowest + ORDER_TOLERANCE_PX
        is_hidden[u] = u_color[u] > limit
        if not is_hidden[u]:
            lowest = min(lowest, u_color[u])
    for u in range(1, n):
        if is_hidden[u]:
            source[u] = source[u - 1]
    # none is visible left of those at the left end: they are coloured as they project
    return source


def sample(color: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Interpolate the image at columns and rows, clamped to it; rounded."""
    h, w = color.shape[:2]
    u, v = np.clip(u, 0, w - 1), np.clip(v, 0, h - 1)
    u0, v0 = np.floor(u).astype(int), np.floor(v).astype(int)
    u1, v1 = np.minimum(u0 + 1, w - 1), np.minimum(v0 + 1, h - 1)
    a, b = (u - u0)[:, None], (v - v0)[:, None]
    top = (1 - a) * color[v0, u0] + a * color[v0, u1]
    bottom = (1 - a) * color[v1, u0] + a * color[v1, u1]
    return np.floor((1 - b) * top + b * bottom + 0.5).astype(np.uint8)
