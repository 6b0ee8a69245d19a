"""Local bundle adjustment: the keyframes of a window are registered to the field that they train.

Together with the training steps this is block coordinate descent on map and poses. Each pose takes
one Gauss-Newton step on the signed distances of its rays. NICE-SLAM descends the gradient of its
rendering losses, and then uses the result nowhere but in its keyframes.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, Int64

from kernels import align as align_ops
from kernels.align import NormalEquations
from slam.camera import DepthNoise
from slam.geometry import (
    Transform,
    inverse,
    orthonormalise,
    se3_exp,
    se3_log,
    transform_points,
)
from slam.maps.keyframes import Keyframe, unproject

NUM_POINTS = 1024
SCALE = 3.0  # of the robust loss, in standard deviations
MAX_DISTANCE_M = 0.05
MIN_INLIERS = 0.3  # share of the points; with fewer the pose stays
MIN_QUALITY = 32  # of 255
# EDGE_WEIGHT, and weaker still: beside an edge readings mix two surfaces
EDGE_SIGMAS = 3.0
# The tracker used more pixels, and intensity too: a pose stays near what it found.
PRIOR_SIGMA = np.array([0.0005] * 3 + [0.00025] * 3)  # metres, radians
SHARE = 0.03  # of the rays' information: neighbours err together
MAX_STEP = 0.01  # metres or radians; a larger step is no refinement

# signed distance at world points (n, 3), its gradient, and where both are known
Query = Callable[[Float32[np.ndarray, "n 3"]], tuple[np.ndarray, np.ndarray, np.ndarray]]
Equations = Callable[[Keyframe], tuple[NormalEquations, int]]


def adjust(window: Sequence[Keyframe], equations_of: Equations) -> None:
    """Refine the poses of a window in place; the oldest keyframe in it stays and holds the rest.

    `equations_of` returns the normal equations of a keyframe at its present pose, and of how many
    points they are.
    """
    oldest = min(window, key=lambda keyframe: keyframe.number)
    for keyframe in window:
        if keyframe is not oldest and keyframe.num_rays:
            keyframe.T_world_camera = _refined(keyframe, *equations_of(keyframe))


def _refined(keyframe: Keyframe, equations: NormalEquations, num_points: int) -> Transform:
    T = keyframe.T_world_camera
    if equations.weight < MIN_INLIERS * num_points:
        return T
    H = SHARE * equations.H + np.diag(1.0 / PRIOR_SIGMA**2)
    away = se3_log(inverse(keyframe.T_world_tracked) @ T)
    twist = np.linalg.solve(H, -SHARE * equations.b - away / PRIOR_SIGMA**2)
    if np.abs(twist).max() > MAX_STEP:
        return T
    return orthonormalise(T @ se3_exp(twist))


def picked(keyframe: Keyframe) -> Int64[np.ndarray, "n"]:
    """Return which of a keyframe's rays its pose is refined by."""
    num_points = min(NUM_POINTS, keyframe.num_rays)
    return np.linspace(0, keyframe.num_rays - 1, num_points).astype(np.int64)


def distance_equations(query: Query, depth_noise: DepthNoise) -> Equations:
    """Return `equations_of` for `adjust`, of distances that are queried in the host's memory."""

    def equations_of(keyframe: Keyframe) -> tuple[NormalEquations, int]:
        rays, T, pick = keyframe.rays, keyframe.T_world_camera, picked(keyframe)
        points = unproject(rays, pick, keyframe.camera)
        sigma_m = depth_noise.sigma_m(rays.depth_m[pick])
        quality = rays.rgbw[pick, 3].astype(np.float32)
        sigma_m = np.where(quality < MIN_QUALITY, EDGE_SIGMAS * sigma_m, sigma_m)
        samples = query(transform_points(T, points))
        rotation = np.ascontiguousarray(T[:3, :3], dtype=np.float32)
        equations = align_ops.align_sdf(
            points, sigma_m.astype(np.float32), *samples, rotation, SCALE, MAX_DISTANCE_M
        )
        return equations, len(points)

    return equations_of
