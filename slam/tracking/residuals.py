"""What an alignment minimises, at one pose."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from kernels.align import NO_EQUATIONS, NormalEquations
from kernels.solve import Step, Weighting, solve
from slam.geometry import Transform
from slam.tracking.geometric import Geometry
from slam.tracking.information import told
from slam.tracking.photometric import PhotometricTerm
from slam.tracking.prepare import PointCloud
from slam.tracking.scan import open_directions
from slam.tracking.stages import STAGES, Stage


class Linearised(NamedTuple):
    """Both residuals at one pose, and the step from there."""

    geometric: NormalEquations
    photometric: NormalEquations
    step: Step


@dataclass(frozen=True)
class Residuals:
    """Both residuals of a frame, and what a step weighs them by."""

    geometry: Geometry
    photometric: PhotometricTerm | None
    weighting: Weighting
    lever_m: float
    scatter: float

    def surface(
        self, points: PointCloud, stage: Stage, T_world_camera: Transform
    ) -> NormalEquations:
        """Linearise the geometry at a pose."""
        scale = stage.scale * self.scatter
        return self.geometry.equations(points, T_world_camera, scale, stage.max_distance_m)

    def step(self, points: PointCloud, stage: Stage, T_world_camera: Transform) -> Linearised:
        """Linearise both at a pose and solve for one step."""
        geometric = self.surface(points, stage, T_world_camera)
        equations = NO_EQUATIONS
        if self.photometric is not None:
            equations = self.photometric.equations(stage.level, T_world_camera, stage.scale)
        step = solve(geometric, equations, self.lever_m, self.weighting, stage.max_uncertainty_m)
        return Linearised(geometric, equations, step)

    def pull_m(self, here: Linearised, max_uncertainty_m: float) -> float | None:
        """Return how far depth alone would move the readings from there; infinite where it leaves
        the pose open, None without colour.
        """
        if not here.photometric.count:
            return None
        alone = solve(here.geometric, NO_EQUATIONS, self.lever_m, self.weighting, max_uncertainty_m)
        if alone.uncertainty_m > max_uncertainty_m:
            return float("inf")
        v, omega = alone.twist[:3], alone.twist[3:]
        return float(np.linalg.norm(v) + self.lever_m * np.linalg.norm(omega))

    def felt(
        self,
        points: PointCloud,
        stage: Stage,
        T_world_camera: Transform,
        sigma_m: float,
        normal_variance: float,
    ) -> Linearised:
        """Linearise both at a pose, with no more than the information that is real along the
        directions of which normals with such a variance tell nothing else.
        """
        at = self.step(points, stage, T_world_camera)
        directions = open_directions(at.geometric, self.lever_m, normal_variance)
        surface = partial(replace(self, scatter=1.0).surface, points, STAGES[0])
        geometric = told(at.geometric, surface, T_world_camera, directions, self.lever_m, sigma_m)
        uncertain_m = stage.max_uncertainty_m
        step = solve(geometric, at.photometric, self.lever_m, self.weighting, uncertain_m)
        return Linearised(geometric, at.photometric, step)
