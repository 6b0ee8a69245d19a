"""Earlier views as evidence of free space: what a view saw through was empty then."""

import numpy as np

from kernels.dispatch import check_array, implementation

NEAR_M = 0.05  # points nearer to a view's plane do not project


def seen_through(
    points: np.ndarray,
    margin_m: np.ndarray,
    Ts_view_camera: np.ndarray,
    intrinsics: np.ndarray,
    nearest_m: np.ndarray,
) -> np.ndarray:
    """Tell which points lie before the surface that at least one of k views saw, bool (n,).

    `points` is float32 (n, 3) in the camera's frame, `margin_m` float32 (n,): surface has to be so
    much deeper. A view is a pose, of float32 (k, 4, 4); `intrinsics` float32 (k, 4) fx, fy, cx, cy
    of its cells, in units of cells: cell (r, c) holds what projects to [c, c + 1) x [r, r + 1); and
    the depth of its surface in each cell, of `nearest_m` float32 (k, r, c), 0 where unknown.
    """
    check_array("points", points, "float32", (None, 3))
    check_array("margin_m", margin_m, "float32", (len(points),))
    check_array("Ts_view_camera", Ts_view_camera, "float32", (None, 4, 4))
    check_array("intrinsics", intrinsics, "float32", (len(Ts_view_camera), 4))
    check_array("nearest_m", nearest_m, "float32", (len(Ts_view_camera), None, None))
    return implementation("views", points).seen_through(
        points, margin_m, Ts_view_camera, intrinsics, nearest_m
    )
