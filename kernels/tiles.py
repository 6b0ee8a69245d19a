"""Residuals between two views, summed for each tile of the image: where a motion of the camera that
explains one part of the view does not explain another.

A tile's sums are those of `kernels.align.NormalEquations` in their order, float32 (NUM_SUMS,): 21
of H, 6 of b, squared error, weight, signed error, count. Tiles are counted row by row; a residual
belongs to the tile that its point projects to. Points of the other view that project outside of
[1, w - 2) x [1, h - 2) are left out.
"""

import numpy as np

from kernels.align import NUM_SUMS
from kernels.dispatch import check_array, implementation

FLOOR_M = 0.003  # standard deviation of the range between pixels, beside a reading's
MARGIN_M, MARGIN_SIGMAS = 0.04, 4.0  # by which depth contradicts
MAX_SLOPE = 0.05  # of four pixels, over their depth: more is an edge
MAX_DISTANCE_M = 0.1  # readings farther apart are of two surfaces
NUM_SEEN = 3


def range_tiles(
    points: np.ndarray,
    sigma_m: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_view: np.ndarray,
    scale: float,
    tiles: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Compare another view's points with a depth image: the residual is the image's depth at the
    projection, bilinear, less the point's.

    `points` float32 (n, 3) in the other view's frame with `sigma_m` float32 (n,) of their depth,
    `depth_m` float32 (h, w) with `intrinsics` float32 (4,), `T_camera_view` float32 (4, 4), `tiles`
    their rows and columns. Returns the sums float32 (t, NUM_SUMS) and float32 (t, NUM_SEEN): how
    many points project to where depth is known, how many of these it contradicts (they lie in
    front of, or behind, all four pixels, by a margin), and the sum of their depths.
    """
    check_array("points", points, "float32", (None, 3))
    check_array("sigma_m", sigma_m, "float32", (len(points),))
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_camera_view", T_camera_view, "float32", (4, 4))
    sums = np.zeros((tiles[0] * tiles[1], NUM_SUMS), np.float32)
    seen = np.zeros((len(sums), NUM_SEEN), np.float32)
    implementation("tiles", points).add_ranges(
        points, sigma_m, depth_m, intrinsics, T_camera_view, scale, tiles, sums, seen
    )
    return sums, seen


def intensity_tiles(
    points: np.ndarray,
    intensities: np.ndarray,
    image: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_view: np.ndarray,
    offset: float,
    sigma: float,
    scale: float,
    tiles: tuple[int, int],
) -> np.ndarray:
    """Compare another view's intensities with an image; arguments and residual as those of
    `kernels.align.align_photometric`. Returns the sums float32 (t, NUM_SUMS).
    """
    check_array("points", points, "float32", (None, 3))
    check_array("intensities", intensities, "float32", (len(points),))
    check_array("image", image, "float32", (None, None))
    check_array("depth_m", depth_m, "float32", image.shape)
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_camera_view", T_camera_view, "float32", (4, 4))
    sums = np.zeros((tiles[0] * tiles[1], NUM_SUMS), np.float32)
    implementation("tiles", points).add_intensities(
        points, intensities, image, depth_m, intrinsics, T_camera_view, offset, sigma, scale, tiles,
        sums,
    )  # fmt: skip
    return sums
