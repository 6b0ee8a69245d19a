"""Depth preparation: the pyramid, the slope of inverse depth, and the planes that fusion reads.

Everything is done on inverse depth: a plane is linear there, and the noise of disparity sensors is Gaussian there.
Depth images are float32 (h, w) in metres, 0 where missing; `intrinsics` is float32 (4,) fx, fy, cx, cy;
`noise` is float32 (3,), sigma(z) = noise[0] + noise[1] z + noise[2] z^2.
"""

import numpy as np

from kernels.dispatch import check_array, implementation

NO_GRADIENT = np.float32(1e9)  # marks a pixel without a gradient: kernels compile to code that knows no NaN


def halve_depth(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the depth image of half the size, (h // 2, w // 2).

    A pixel is the harmonic mean of those of its four readings that lie within the jump threshold of the nearest;
    fewer than three such readings give 0, so that no pixel mixes two surfaces.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).halve_depth(depth_m, noise)


def inverse_depth_gradient(depth_m: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return d(1/z)/du and d(1/z)/dv, float32 (h, w, 2), by central differences over two pixels.

    Both are NO_GRADIENT where a neighbour is missing or lies across a jump, and on the image border.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).inverse_depth_gradient(depth_m, noise)


def fusion_planes(
    depth_m: np.ndarray, gradient: np.ndarray, intrinsics: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tangent plane that each pixel saw, and its weight.

    `gradient` is `inverse_depth_gradient` of a level 4 times smaller. The result has one element a pixel and one
    more, all zero, for voxels that project to nowhere: planes float32 (h w + 1, 4), unit normal n (pointing away
    from the camera) and distance d, so that the signed distance of a camera-frame point p is d - n . p; weights
    float32 (h w + 1,): cos(incidence) times (sigma(1 m) / sigma(z))^2, a tenth of it beside a depth jump, 0 where
    missing. Where there is no gradient the plane is fronto-parallel, which is the plain projective distance.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("gradient", gradient, "float32", (None, None, 2))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("noise", noise, "float32", (3,))
    return implementation("depth", depth_m).fusion_planes(depth_m, gradient, intrinsics, noise)
