"""Dense alignment of a frame with a view that was kept of a place, and whether it is that place.

One view: others beside it add less than they err by where the track had them.
"""

from dataclasses import dataclass
from math import radians

import numpy as np
from jaxtyping import Float64

from kernels.align import NO_EQUATIONS
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
    Stage(3, 4, 10.0, 0.2, 0.1, 8),
    Stage(CLOUD_LEVEL, 4, 5.0, 0.1, 0.02, 10),
    Stage(CLOUD_LEVEL, 2, 3.0, 0.05, 0.02, 10),
)
JUDGED = 2  # every n-th point: enough for shares
MIN_OVERLAP = 0.3  # share of either view that the other can tell of
MIN_AGREEING = 0.8  # share of these readings that lie on its surface
MAX_FLOATING = 0.05  # share in space that it saw to be free
MIN_SAME = 0.5  # share of the textured pixels that look the same
FLOOR_M, FLOOR_RAD = 0.002, radians(0.1)  # of what a registration may know of a pose


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

    T_view_camera: Transform
    information: Float64[np.ndarray, "6 6"]
    evidence: Evidence


def register(
    here: PreparedFrame, view: PreparedFrame, T_start: Transform, config: TrackingConfig
) -> Registration | None:
    """Align a frame with a view of a place from T_start (T_view_camera); None if it has too few
    points.
    """
    cloud = here.cloud
    if len(cloud.points) < MIN_POINTS:
        return None
    surface = ProjectiveGeometry.of_view(view, np.eye(4))
    weights = weighting(config)
    photometric = _photometric(here, view, config)
    lever_m = float(np.median(cloud.points[:, 2]))
    T = T_start
    geometric, intensity = NO_EQUATIONS, NO_EQUATIONS
    for stage in STAGES:
        points = cloud.subsample(stage.point_step)
        for _ in range(stage.max_iterations):
            geometric = surface.equations(points, T, stage.scale, stage.max_distance_m)
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
    evidence = _evidence(here, view, T, photometric, residual_m)
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
    here: PreparedFrame, view: PreparedFrame, config: TrackingConfig
) -> PhotometricTerm | None:
    keyframe = make_keyframe(view, np.eye(4), {stage.level for stage in STAGES})
    if keyframe is None or here.frame.color is None or not config.photometric:
        return None
    return PhotometricTerm(keyframe, here.levels, config.intensity_sigma)


def _evidence(
    here: PreparedFrame,
    view: PreparedFrame,
    T: Transform,
    photometric: PhotometricTerm | None,
    residual_m: float,
) -> Evidence:
    """Return what both views tell of each other: each must bear the pose out."""
    clouds = here.cloud.subsample(JUDGED), view.cloud.subsample(JUDGED)
    sights = seen_from(view, clouds[0], T), seen_from(here, clouds[1], inverse(T))
    pairs = tuple(zip(sights, clouds, strict=True))
    return Evidence(
        overlap=max(sight.num_known / max(len(cloud.points), 1) for sight, cloud in pairs),
        agreeing=min(sight.num_agreeing / max(sight.num_known, 1) for sight, _ in pairs),
        floating=max(sight.contradicted for sight, _ in pairs),
        same=np.nan if photometric is None else photometric.same(CLOUD_LEVEL, T),
        residual_m=residual_m,
    )
