"""Dense alignment of a frame with views that were kept of a place, and whether it is that place."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians

import numpy as np
from jaxtyping import Float64

from kernels.align import NO_EQUATIONS, NormalEquations
from kernels.reference.solve import information, without_noise
from kernels.solve import solve
from slam.config import TrackingConfig
from slam.geometry import Transform, inverse, orthonormalise, se3_exp
from slam.tracking.agreement import seen_from
from slam.tracking.geometric import ProjectiveGeometry
from slam.tracking.photometric import PhotometricTerm, make_keyframe
from slam.tracking.prepare import CLOUD_LEVEL, PreparedFrame
from slam.tracking.stages import CONVERGED_M, MIN_POINTS, Stage, weighting

# from where matched corners leave the pose, a few centimetres and degrees off
STAGES = (
    Stage(4, 4, 20.0, 0.4, 0.1, 8),
    Stage(3, 4, 10.0, 0.2, 0.1, 8),
    Stage(CLOUD_LEVEL, 2, 5.0, 0.1, 0.02, 10),
    Stage(CLOUD_LEVEL, 1, 3.0, 0.05, 0.02, 10),
)
MIN_OVERLAP = 0.3  # share of either view that the other can tell of
MIN_AGREEING = 0.8  # share of these readings that lie on its surface
MAX_FLOATING = 0.05  # share in space that it saw to be free
MIN_SAME = 0.5  # share of the textured pixels that look the same
FLOOR_M, FLOOR_RAD = 0.002, radians(0.1)  # of what a registration may know of a pose


@dataclass(frozen=True)
class PosedView:
    """A view that was kept, ready to be aligned with, and where it was taken from."""

    prepared: PreparedFrame
    T_place_view: Transform


@dataclass(frozen=True)
class Evidence:
    """What two views tell of each other at a pose."""

    overlap: float  # share of the view that is of the place
    agreeing: float  # share of these readings that lie on the other view's surface
    floating: float  # share in space that the other view saw to be free
    same: float  # share of the textured pixels that look the same; NaN without colour
    residual_m: float  # of the readings, along the place's normals

    @property
    def doubt(self) -> str:
        """Return what speaks against the pose; empty where nothing does."""
        if self.overlap < MIN_OVERLAP:
            return f"{self.overlap:.0%} of the view is of the place"
        if self.agreeing < MIN_AGREEING:
            return f"{self.agreeing:.0%} of the view lies on the place's surface"
        if self.floating > MAX_FLOATING:
            return f"{self.floating:.0%} of the view lies in space that was seen to be free"
        return f"{self.same:.0%} of the pixels look the same" if self.same < MIN_SAME else ""


@dataclass(frozen=True)
class Registration:
    """The pose of a frame, and its information: of a twist in the camera's frame."""

    T_place_camera: Transform
    information: Float64[np.ndarray, "6 6"]
    evidence: Evidence


def register(
    here: PreparedFrame, views: Sequence[PosedView], T_start: Transform, config: TrackingConfig
) -> Registration | None:
    """Align a frame with views of a place from T_start (T_place_camera); the first one judges. None
    if it has too few points.
    """
    cloud = here.cloud
    if len(cloud.points) < MIN_POINTS:
        return None
    surfaces = [ProjectiveGeometry.of_view(view.prepared, view.T_place_view) for view in views]
    weights = weighting(config)
    photometric = _photometric(here, views[0], config)
    lever_m = float(np.median(cloud.points[:, 2]))
    T = T_start
    geometric, intensity = NO_EQUATIONS, NO_EQUATIONS
    for stage in STAGES:
        points = cloud.subsample(stage.point_step)
        for _ in range(stage.max_iterations):
            geometric = _added(
                [s.equations(points, T, stage.scale, stage.max_distance_m) for s in surfaces]
            )
            if photometric is not None:
                intensity = photometric.equations(stage.level, T, stage.scale)
            twist = solve(geometric, intensity, lever_m, weights, stage.max_uncertainty_m).twist
            T = T @ se3_exp(twist)
            if np.abs(twist[:3]).sum() + lever_m * np.abs(twist[3:]).sum() < CONVERGED_M:
                break
    T = orthonormalise(T)
    kept, _ = without_noise(
        information(geometric, lever_m, weights.geometric_share), weights.normal_variance
    )
    more = information(intensity, lever_m, weights.photometric_share)
    scale = np.array([1.0, 1.0, 1.0, lever_m, lever_m, lever_m])
    known = (kept.H + more.H) * np.outer(scale, scale)
    residual_sigmas = float(np.sqrt(geometric.squared_error / max(geometric.weight, 1e-9)))
    residual_m = residual_sigmas * float(np.median(cloud.sigma_m))
    evidence = _evidence(here, views[0], T, photometric, residual_m)
    return Registration(T, with_floor(known), evidence)


def with_floor(known: Float64[np.ndarray, "6 6"]) -> Float64[np.ndarray, "6 6"]:
    """Return information that claims no more than FLOOR_M and FLOOR_RAD; a direction of which
    nothing is known keeps none.
    """
    floor = np.repeat([FLOOR_M, FLOOR_RAD], 3)
    eigenvalues, vectors = np.linalg.eigh(known * np.outer(floor, floor))
    limited = np.maximum(eigenvalues, 0.0) / (1.0 + np.maximum(eigenvalues, 0.0))
    return (vectors * limited) @ vectors.T / np.outer(floor, floor)


def _photometric(
    here: PreparedFrame, view: PosedView, config: TrackingConfig
) -> PhotometricTerm | None:
    keyframe = make_keyframe(view.prepared, view.T_place_view)
    if keyframe is None or here.frame.color is None or not config.photometric:
        return None
    return PhotometricTerm(keyframe, here.levels, config.intensity_sigma)


def _added(parts: Sequence[NormalEquations]) -> NormalEquations:
    return NormalEquations._make(sum(of[1:], of[0]) for of in zip(*parts, strict=True))


def _evidence(
    here: PreparedFrame,
    view: PosedView,
    T: Transform,
    photometric: PhotometricTerm | None,
    residual_m: float,
) -> Evidence:
    """Return what both views tell of each other: each must bear the pose out."""
    T_view_here = inverse(view.T_place_view) @ T
    pairs = (
        (seen_from(view.prepared, here.cloud, T_view_here), here.cloud),
        (seen_from(here, view.prepared.cloud, inverse(T_view_here)), view.prepared.cloud),
    )
    return Evidence(
        overlap=max(sight.num_known / max(len(cloud.points), 1) for sight, cloud in pairs),
        agreeing=min(sight.num_agreeing / max(sight.num_known, 1) for sight, _ in pairs),
        floating=max(sight.contradicted for sight, _ in pairs),
        same=np.nan if photometric is None else photometric.same(CLOUD_LEVEL, T),
        residual_m=residual_m,
    )
