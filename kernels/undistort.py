"""Undistortion: the images that a pinhole camera in the place of a lens would have taken.

All that depends on the lens is in a table that is made once a camera: where each pixel of the
pinhole image lies in the image of the lens.
"""

from typing import NamedTuple

import numpy as np

from kernels.dispatch import check_array, implementation
from kernels.lens import LIMIT
from kernels.reference.lens import distort

UNITY = 128  # of the fractions: both ends fit into a byte


class UndistortionTable(NamedTuple):
    """Where each pixel of the pinhole image lies in the image of the lens, of the same size.

    `corner` is int32 (h, w), the flat index of the upper left one of the four pixels around it;
    `fraction` uint16 (h, w), how far right of it (low byte) and below it (high byte) in units of
    1 / UNITY; `is_seen` bool (h, w). Where the lens sees nothing, the place is the nearest one on
    the image's border.
    """

    corner: np.ndarray
    fraction: np.ndarray
    is_seen: np.ndarray


def undistortion_table(
    image_size: tuple[int, int], intrinsics: np.ndarray, distortion: np.ndarray
) -> UndistortionTable:
    """Make the table of a lens for the pinhole camera with the same intrinsics fx, fy, cx, cy.

    The image must have two rows and columns at least.
    """
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("distortion", distortion, "float32", (10,))
    h, w = image_size
    if min(h, w) < 2:
        raise ValueError(f"image_size must be at least (2, 2), got {image_size}")
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.mgrid[:h, :w]
    x, y = (u - cx) / fx, (v - cy) / fy
    within = np.sqrt(np.minimum(1.0, distortion[LIMIT] / np.maximum(x * x + y * y, 1e-12)))
    x_lens, y_lens = distort(x * within, y * within, distortion)
    u_lens, v_lens = x_lens * fx + cx, y_lens * fy + cy
    is_inside = (u_lens > -0.5) & (v_lens > -0.5) & (u_lens < w - 0.5) & (v_lens < h - 0.5)
    place_u = np.rint(np.clip(u_lens, 0, w - 1) * UNITY).astype(np.int64)
    place_v = np.rint(np.clip(v_lens, 0, h - 1) * UNITY).astype(np.int64)
    u0, v0 = np.minimum(place_u // UNITY, w - 2), np.minimum(place_v // UNITY, h - 2)
    fraction = (place_u - UNITY * u0) | (place_v - UNITY * v0) << 8
    return UndistortionTable(
        (v0 * w + u0).astype(np.int32), fraction.astype(np.uint16), is_inside & (within >= 1.0)
    )


def undistort_color(color: np.ndarray, table: UndistortionTable) -> np.ndarray:
    """Return the pinhole camera's colour image, uint8 (h, w, 3), interpolated; where the lens sees
    nothing the border goes on.
    """
    check_array("color", color, "uint8", (*table.corner.shape, 3))
    _check(table)
    return implementation("undistort", color).undistort_color(color, table)


def undistort_depth(depth_m: np.ndarray, table: UndistortionTable) -> np.ndarray:
    """Return the pinhole camera's depth image, float32 (h, w), 0 where missing or not seen.

    A pixel has the nearest reading, missing if that is: a mixture of readings across an edge would
    be a surface that is nowhere.
    """
    check_array("depth_m", depth_m, "float32", table.corner.shape)
    _check(table)
    return implementation("undistort", depth_m).undistort_depth(depth_m, table)


def _check(table: UndistortionTable) -> None:
    check_array("corner", table.corner, "int32", (None, None))
    check_array("fraction", table.fraction, "uint16", table.corner.shape)
    check_array("is_seen", table.is_seen, "bool", table.corner.shape)
