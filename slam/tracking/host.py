"""Alignment on the CPU: coarse-to-fine, robust Gauss-Newton."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from slam.config import TrackingConfig
from slam.frame import Frame
from slam.geometry import Transform, inverse, orthonormalise, se3_exp
from slam.maps.base import Map
from slam.tracking.agreement import Agreement, compared
from slam.tracking.aligner import Extent
from slam.tracking.base import TrackResult
from slam.tracking.fit import Fit, too_few_points, track_result
from slam.tracking.geometric import Geometry, ProjectiveGeometry, SdfGeometry
from slam.tracking.photometric import PhotometricKeyframe, PhotometricTerm, make_keyframe
from slam.tracking.prepare import PreparedFrame, prepare
from slam.tracking.residuals import Residuals
from slam.tracking.scan import open_directions, peaks_along
from slam.tracking.stages import (
    CONVERGED_M,
    INTENSITY_FIRST,
    MIN_POINTS,
    STAGES,
    SURFACE_FIRST,
    Stage,
    weighting,
)

SAME_LEVEL = STAGES[-1].level  # at which looks are compared
BESIDE_PX = 8.0  # farther than intensity of one place looks alike
SCAN_LEVELS = 3, 2
SCAN_STEP_PX = 1.5  # from which intensity finds the rest of the way
NUM_PEAKS = 5
MAX_OPEN = 3  # directions that a bare plane leaves open; where more are, no surface is in view


class HostAligner:
    """See `slam.tracking.aligner.Aligner`."""

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._weighting = weighting(config)
        self._loaded: PreparedFrame | None = None
        self._keyframe: PhotometricKeyframe | None = None
        self._reference: tuple[PreparedFrame, Transform] | None = None  # the last keyframe's depth

    def load(self, frame: Frame) -> None:
        """Take the frame that all else is about."""
        self._loaded = prepare(frame)

    def prepared(self) -> PreparedFrame:
        """Return the frame as the host uses it."""
        assert self._loaded is not None
        return self._loaded

    def extent(self) -> Extent:
        """Measure the frame."""
        z = self.prepared().cloud.points[:, 2]
        return Extent(len(z), float(np.median(z)) if len(z) else 1.0)

    def align(
        self, map_: Map, T_start: Transform, scatter: float = 1.0, with_color: bool = True
    ) -> TrackResult:
        """Align from T_start with the geometry that the config names.

        What runs out of steps on its way goes on. Where a direction is left open,
        because noise alone would tell as much, all information is used, and moving the frame along
        it tells how much of that is real.
        """
        if self._config.geometry == "sdf":
            geometry = SdfGeometry(map_)
        else:
            geometry = ProjectiveGeometry.of_map(map_, self.prepared().levels[1].camera, T_start)
        descend = partial(self._descend, geometry, STAGES, scatter=scatter, with_color=with_color)
        result = descend(T_start)
        if result.is_under_way:
            result = descend(result.T_world_camera)
        return descend(T_start, is_felt=True) if result.is_open else result

    def search(self, map_: Map, T_last: Transform) -> Iterator[Transform]:
        """Look in a wider surrounding of T_last for poses to align from."""
        geometry = self._coarse(map_, T_last)
        T_by_surface = self._descend(geometry, SURFACE_FIRST, T_last).T_world_camera
        yield T_by_surface
        if self._photometric() is None:
            # in a young map of a noisy sensor steps fit on steps: its rendering has fewer of them
            finer = ProjectiveGeometry.of_map(map_, self.prepared().levels[1].camera, T_last)
            yield self._descend(finer, STAGES, T_last).T_world_camera
            return
        yield self._descend(geometry, INTENSITY_FIRST, T_last).T_world_camera
        yield from self._look_along_open_directions(geometry, T_by_surface)

    def drawn(self, map_: Map, T_start: Transform) -> Transform:
        """Return where the map's surface draws the frame from T_start, by depth alone."""
        geometry = self._coarse(map_, T_start)
        return self._descend(geometry, SURFACE_FIRST, T_start, with_color=False).T_world_camera

    def _coarse(self, map_: Map, T_world_model: Transform) -> Geometry:
        return ProjectiveGeometry.of_map(map_, self.prepared().levels[2].camera, T_world_model)

    def align_beside(self, T_start: Transform) -> TrackResult:
        """Align with the keyframe alone from T_start."""
        assert self._reference is not None
        stages = (*SURFACE_FIRST[2:], *STAGES)
        return self._descend(ProjectiveGeometry.of_view(*self._reference), stages, T_start)

    def _look_along_open_directions(self, geometry: Geometry, T: Transform) -> Iterator[Transform]:
        """Find where along the directions that geometry leaves open the frame looks like the
        keyframe; nowhere if it leaves none open or there is no surface, or without colour.
        """
        photometric, stage = self._photometric(), SURFACE_FIRST[-1]
        points = self.prepared().cloud.subsample(stage.point_step)
        if photometric is None or len(points.points) < MIN_POINTS:
            return
        lever_m = float(np.median(points.points[:, 2]))
        equations = geometry.equations(points, T, stage.scale, stage.max_distance_m)
        directions = open_directions(equations, lever_m, self._config.normal_variance)
        if not 0 < len(directions) <= MAX_OPEN:
            return
        found: list[Transform] = []
        for level in SCAN_LEVELS:
            step_m = SCAN_STEP_PX * lever_m / self.prepared().levels[level].camera.fx
            same = partial(photometric.same, level)
            for T_peak in peaks_along(same, T, directions, step_m, NUM_PEAKS):
                found.append(self._descend(geometry, SURFACE_FIRST[2:], T_peak).T_world_camera)
                yield found[-1]
            T = max(found, key=same)

    def agreement(self, T_world_camera: Transform) -> Agreement:
        """Compare the frame at a pose with the keyframe."""
        if self._reference is None:
            return Agreement(0.0, 0.0, None)
        there, T_world_reference = self._reference
        T_there_here = inverse(T_world_reference) @ T_world_camera
        found = compared(self.prepared(), there, T_there_here)
        return found._replace(same=self.same(T_world_camera))

    def same(self, T_world_camera: Transform) -> float | None:
        """Return the share of the keyframe's texture that looks the same from a pose."""
        photometric = self._photometric()
        return None if photometric is None else photometric.same(SAME_LEVEL, T_world_camera)

    def contrast(self, T_world_camera: Transform) -> float:
        """Return how much more looks the same from a pose than in images a few pixels beside."""
        photometric = self._photometric()
        assert photometric is not None
        angle_rad = BESIDE_PX / self.prepared().levels[SAME_LEVEL].camera.fx
        turns = (se3_exp(angle_rad * axis) for axis in (*np.eye(6)[3:5], *-np.eye(6)[3:5]))
        beside = np.mean([photometric.same(SAME_LEVEL, T_world_camera @ T) for T in turns])
        here = photometric.same(SAME_LEVEL, T_world_camera)
        return float((here - beside) / max(1.0 - beside, 1e-6))

    def set_keyframe(self, T_world_camera: Transform) -> bool:
        """Make the frame the keyframe; False without colour."""
        self._reference = self.prepared(), T_world_camera
        keyframe = make_keyframe(self.prepared(), T_world_camera)
        self._keyframe = keyframe or self._keyframe
        return keyframe is not None

    def forget_keyframe(self) -> None:
        """Compare with nothing."""
        self._keyframe = self._reference = None

    def moved(self, T_new_old: Transform) -> None:
        """Take the keyframe along with a world that was moved."""
        if self._reference is not None:
            self._reference = self._reference[0], T_new_old @ self._reference[1]
        if self._keyframe is not None:
            T_new_keyframe = T_new_old @ self._keyframe.T_world_keyframe
            self._keyframe = replace(self._keyframe, T_world_keyframe=T_new_keyframe)

    def _descend(
        self,
        geometry: Geometry,
        stages: tuple[Stage, ...],
        T_start: Transform,
        scatter: float = 1.0,
        with_color: bool = True,
        is_felt: bool = False,
    ) -> TrackResult:
        """Run Gauss-Newton through the stages; with `is_felt` by all that geometry seems to tell,
        which is then looked into.
        """
        cloud = self.prepared().cloud.against(geometry.sigma_m)
        if len(cloud.points) < MIN_POINTS:
            return too_few_points(len(cloud.points), T_start)
        lever_m, sigma_m = float(np.median(cloud.points[:, 2])), float(np.median(cloud.sigma_m))
        photometric = self._photometric() if with_color else None
        noise = 0.0 if is_felt else self._weighting.normal_variance
        weighting = self._weighting._replace(normal_variance=noise)
        residuals = Residuals(geometry, photometric, weighting, lever_m, scatter)
        T = T_start
        num_iterations, moved_m = 0, 0.0
        points, here = cloud, None
        for stage in stages:
            points = cloud if stage.point_step == 1 else cloud.subsample(stage.point_step)
            stage = replace(stage, max_uncertainty_m=max(stage.max_uncertainty_m, sigma_m))
            for _ in range(stage.max_iterations):
                here = residuals.step(points, stage, T)
                twist = here.step.twist
                T = T @ se3_exp(twist)
                num_iterations += 1
                moved_m = float(np.abs(twist[:3]).sum() + lever_m * np.abs(twist[3:]).sum())
                if moved_m < CONVERGED_M:
                    break
        assert here is not None
        if is_felt:
            here = residuals.felt(points, stage, T, sigma_m, self._config.normal_variance)
        fit = Fit(
            here.geometric.squared_error,
            here.geometric.weight,
            len(points.points),
            sigma_m,
            here.step.conditioning,
            here.step.uncertainty_m,
            num_iterations,
            moved_m,
            here.photometric.weight / here.photometric.count if here.photometric.count else None,
            residuals.pull_m(here, stage.max_uncertainty_m),
        )
        return track_result(orthonormalise(T), fit, self._config)

    def _photometric(self) -> PhotometricTerm | None:
        frame = self.prepared()
        if not self._config.photometric or self._keyframe is None or frame.frame.color is None:
            return None
        return PhotometricTerm(self._keyframe, frame.levels, self._config.intensity_sigma)
