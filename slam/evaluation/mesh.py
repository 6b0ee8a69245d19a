"""Mesh scores: accuracy, completion, F1 and rendered depth against a true mesh."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from slam.camera import Camera
from slam.errors import SlamError
from slam.evaluation.surface import Surface
from slam.geometry import inverse, se3_exp, transform_points
from slam.maps.base import Mesh

_NEAR_M, _FAR_M = 0.2, 5.0  # what the sensor can see
_OCCLUSION_TOLERANCE_M = 0.03  # GO-Surf's and Co-SLAM's
_COMPLETION_M = 0.05
_F1_M = 0.01
_MAX_VIEWS = 200
_FEW_POINTS = 20_000
_RENDER_WIDTH = 80
# Per axis, so that a view moves by about 5 cm and turns by about 3 degrees.
_JITTER = np.repeat([0.05 / np.sqrt(3.0)], 6)  # (v, omega) in metres and radians


@dataclass(frozen=True)
class MeshScores:
    """Errors of an estimated mesh. `depth_l1_cm` is NaN if no pixel shows both meshes."""

    accuracy_cm: float  # mean distance, estimate to truth
    completion_cm: float  # mean distance, truth to estimate
    completion_ratio: float  # share of the truth within 5 cm of the estimate
    precision: float  # share of the estimate within 1 cm of the truth
    recall: float  # share of the truth within 1 cm of the estimate
    f1: float
    depth_l1_cm: float
    depth_hole_ratio: float
    num_points_estimate: int  # left after culling
    num_points_truth: int


@dataclass(frozen=True)
class DepthScores:
    """Mean difference of rendered depth where both are hit, and share where only the truth is."""

    l1_cm: float
    hole_ratio: float


def evaluate_mesh(
    estimate: Mesh,
    truth: Mesh,
    camera: Camera,
    Ts_world_camera: Float64[np.ndarray, "n 4 4"],
    num_points: int,
    num_depth_views: int,
    seed: int = 0,
) -> MeshScores:
    """Compare two meshes of one world, where they could be seen from the given views.

    Both are sampled uniformly by area, and both are culled by one rule (`is_seen`). Distances are
    exact, from a point to the triangles of the whole other mesh: between two samples of a room
    they would not fall below the sampling distance of 0.3 to 1 cm, as large as what is measured.
    """
    surface, surface_truth = Surface(estimate), Surface(truth)
    views = _spread(Ts_world_camera, min(_MAX_VIEWS, len(Ts_world_camera)))
    points = surface.sample(num_points, seed)
    points = points[is_seen(points, surface_truth, camera, views)]
    points_truth = surface_truth.sample(num_points, seed + 1)
    points_truth = points_truth[is_seen(points_truth, surface_truth, camera, views)]
    if not len(points_truth):
        raise SlamError("none of the true mesh is in view of the cameras; are both in one world?")
    if not len(points):
        raise SlamError("none of the estimated mesh is in view of the cameras; is it aligned?")
    accuracy_m = surface_truth.distances_m(points)
    completion_m = surface.distances_m(points_truth)
    precision = float(np.mean(accuracy_m < _F1_M))
    recall = float(np.mean(completion_m < _F1_M))
    depth = depth_l1(surface, surface_truth, camera, Ts_world_camera, num_depth_views, seed)
    return MeshScores(
        accuracy_cm=100.0 * float(np.mean(accuracy_m, dtype=np.float64)),
        completion_cm=100.0 * float(np.mean(completion_m, dtype=np.float64)),
        completion_ratio=float(np.mean(completion_m < _COMPLETION_M)),
        precision=precision,
        recall=recall,
        f1=2.0 * precision * recall / (precision + recall) if precision + recall > 0.0 else 0.0,
        depth_l1_cm=depth.l1_cm,
        depth_hole_ratio=depth.hole_ratio,
        num_points_estimate=len(points),
        num_points_truth=len(points_truth),
    )


def is_in_view(
    mesh: Mesh, camera: Camera, Ts_world_camera: Float64[np.ndarray, "n 4 4"], seed: int = 0
) -> bool:
    """Tell whether the views see a mesh at all; False where they are of another world."""
    surface = Surface(mesh)
    Ts_finite = Ts_world_camera[np.isfinite(Ts_world_camera).all(axis=(1, 2))]
    if not len(Ts_finite):
        return False
    views = _spread(Ts_finite, min(_MAX_VIEWS, len(Ts_finite)))
    return bool(is_seen(surface.sample(_FEW_POINTS, seed), surface, camera, views).any())


def is_seen(
    points: Float32[np.ndarray, "n 3"],
    truth: Surface,
    camera: Camera,
    Ts_world_camera: Float64[np.ndarray, "k 4 4"],
) -> Bool[np.ndarray, "n"]:
    """Tell which points some view sees: in its image, 0.2 to 5 m deep, not 3 cm behind the truth.

    Points in front of the truth are errors of the estimate and count. Occlusion is tested with a
    ray a point: at grazing angles a small depth image is off by more than the tolerance.
    """
    seen = np.zeros(len(points), dtype=bool)
    for T_world_camera in Ts_world_camera:
        rest = np.flatnonzero(~seen)
        in_camera = transform_points(inverse(T_world_camera), points[rest].astype(np.float64))
        z = in_camera[:, 2]
        in_image = camera.contains(*camera.project(in_camera))
        rest = rest[in_image & (z >= _NEAR_M) & (z <= _FAR_M)]
        origin_m = T_world_camera[:3, 3]
        seen[rest] = ~truth.is_blocking(points[rest], origin_m, _OCCLUSION_TOLERANCE_M)
    return seen


def depth_l1(
    estimate: Surface,
    truth: Surface,
    camera: Camera,
    Ts_world_camera: Float64[np.ndarray, "n 4 4"],
    num_views: int,
    seed: int = 0,
) -> DepthScores:
    """Compare depth rendered at random views: trajectory poses moved by about 5 cm and 3 degrees.

    The variant is Point-SLAM's: the mean over pixels where both meshes are hit. That alone would
    reward holes, so the share of pixels where only the truth is hit is reported beside it. Views
    are 80 pixels wide; only true depth from 0.2 to 5 m is compared.
    """
    random = np.random.default_rng(seed)
    small = camera.scaled(_RENDER_WIDTH / camera.width)
    sum_m, num_both, num_truth = 0.0, 0, 0
    for index in random.integers(0, len(Ts_world_camera), num_views):
        twist = random.normal(size=6) * _JITTER
        T_world_camera = Ts_world_camera[index] @ se3_exp(twist)
        true_m = truth.depth_m(small, T_world_camera)
        depth_m = estimate.depth_m(small, T_world_camera)
        is_true = (true_m >= _NEAR_M) & (true_m <= _FAR_M)
        is_both = is_true & (depth_m > 0.0)
        sum_m += float(np.abs(depth_m[is_both].astype(np.float64) - true_m[is_both]).sum())
        num_both += int(is_both.sum())
        num_truth += int(is_true.sum())
    return DepthScores(
        l1_cm=100.0 * sum_m / num_both if num_both else float("nan"),
        hole_ratio=1.0 - num_both / num_truth if num_truth else float("nan"),
    )


def _spread(
    Ts_world_camera: Float64[np.ndarray, "n 4 4"], num: int
) -> Float64[np.ndarray, "k 4 4"]:
    """Take `num` views evenly spread over the trajectory."""
    return Ts_world_camera[np.linspace(0, len(Ts_world_camera) - 1, num).round().astype(np.int64)]
