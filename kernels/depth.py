"""Depth preparation: the pyramid, the slope of inverse depth, normals, and depth edges.

Everything is done on inverse depth: a plane is linear there, and the noise of disparity sensors is
Gaussian there. Depth images are float32 (h, w) in metres, 0 where missing; `intrinsics` is float32
(4,) fx, fy, cx, cy; `noise` is float32 (3,), sigma(z) = noise[0] + noise[1] z + noise[2] z^2.
"""

import numpy as np

from kernels.dispatch import check_array, implementation

NO_GRADIENT = np.float32(
    1e9
)  # marks a pixel without a gradient: kernels compile to code that knows no NaN


def halve_depth(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the depth image of half the size, (h // 2, w // 2).

    A pixel is the harmonic mean of those of its four readings that lie within the jump threshold of
    the nearest; fewer than three such readings give 0, so that no pixel mixes two surfaces.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).halve_depth(depth_m, noise)


def inverse_depth_gradient(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return d(1/z)/du and d(1/z)/dv a pixel, float32 (h, w, 2).

    Along each axis it is the central difference where both neighbours exist and the second
    difference of depth is less than the jump threshold, as on any plane. Beside a jump or a gap it
    is the one-sided difference, if just one neighbour exists and is no farther than the threshold.
    Where either axis has none, both are NO_GRADIENT.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).inverse_depth_gradient(depth_m, noise)


def normals(depth_m: np.ndarray, gradient: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Return unit normals in the camera frame, float32 (h, w, 3), pointing away from the camera.

    `gradient` is that of `inverse_depth_gradient` for the same image: a plane n . p = 1 has inverse
    depth n_x (u - cx) / fx + n_y (v - cy) / fy + n_z, so its slope gives the normal. (0, 0, 1)
    where there is no gradient.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("gradient", gradient, "float32", (*depth_m.shape, 2))
    check_array("intrinsics", intrinsics, "float32", (4,))
    return implementation("depth", depth_m).normals(depth_m, gradient, intrinsics)


def mark_edges(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the readings as float32 (h w + 1,), negative where a direct neighbour lies across a
    jump.

    Beside a jump real sensors mix both depths, so such readings count less. A missing neighbour is
    no jump. The element past the end is 0: the pixel of whatever projects to nowhere.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).mark_edges(depth_m, noise)


def point_cloud(
    depth_m: np.ndarray, gradient: np.ndarray, intrinsics: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the camera-frame points of all pixels with a gradient, row by row, and their noise.

    Points float32 (n, 3); sigma_m float32 (n,), the standard deviation of a reading along the
    surface normal: sigma(z) cos(incidence), the cosine no smaller than 0.3. On a GPU n is read
    back; `kernels.cuda.depth.collect_points` leaves it there.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("gradient", gradient, "float32", (*depth_m.shape, 2))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).point_cloud(depth_m, gradient, intrinsics, noise)
