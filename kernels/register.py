"""Registration: the colour of each pixel of a depth image that another camera took.

Colour is looked up from the depth image, pixel by pixel. Going the other way, depth into the colour
image, would have to spread readings over pixels to leave no gaps, which widens what is near.
"""

from typing import NamedTuple

import numpy as np

from kernels.dispatch import check_array, implementation


class ColorCamera(NamedTuple):
    """A colour camera as seen from the depth camera.

    `intrinsics` is float32 (4,) fx, fy, cx, cy, `distortion` float32 (10,) as `kernels.lens` says,
    `T_color_depth` float32 (3, 4): p_color = R p_depth + t.
    """

    intrinsics: np.ndarray
    distortion: np.ndarray
    T_color_depth: np.ndarray


def register_color(
    color: np.ndarray, depth_m: np.ndarray, depth_intrinsics: np.ndarray, camera: ColorCamera
) -> tuple[np.ndarray, np.ndarray]:
    """Return the colour at each depth pixel, uint8 (h, w, 3), and where the colour camera sees that
    far to the side, bool (h, w).

    `color` is uint8 (a, b, 3), `depth_m` float32 (h, w), 0 where missing, `depth_intrinsics`
    float32 (4,). A pixel's point is projected into the colour image, which is interpolated there;
    beyond its border the border goes on.

    A pixel without depth is given that of the nearest reading left or right of it in its row, of
    the farther one if there are both: a gap beside something near is what that hides.

    A point that the colour camera does not see because something nearer is before it has the colour
    of the nearest visible pixel on its far side. What hides is looked for along the rows, as for
    two cameras side by side: where the columns that two pixels of a row project to change their
    order by more than half a pixel, the one that is farther away is hidden. The shadow ends where a
    pixel projects clear of what hides by more than a pixel, so that no colour in it is mixed.
    """
    check_array("color", color, "uint8", (None, None, 3))
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("depth_intrinsics", depth_intrinsics, "float32", (4,))
    check_array("intrinsics", camera.intrinsics, "float32", (4,))
    check_array("distortion", camera.distortion, "float32", (10,))
    check_array("T_color_depth", camera.T_color_depth, "float32", (3, 4))
    if color.shape[0] == 0 or color.shape[1] == 0:
        raise ValueError(f"color must have pixels, got {color.shape}")
    return implementation("register", depth_m).register_color(
        color, depth_m, depth_intrinsics, camera
    )
