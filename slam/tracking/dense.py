"""Dense tracking: coarse-to-fine, robust Gauss-Newton on a geometric and a photometric residual
together.
"""

from dataclasses import dataclass, replace

import numpy as np

from kernels.align import NormalEquations
from slam.config import TrackingConfig
from slam.frame import Frame
from slam.geometry import Transform, inverse, orthonormalise, rotation_angle_rad, se3_exp
from slam.maps.base import Map
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.geometric import Geometry, ProjectiveGeometry, SdfGeometry
from slam.tracking.level import level_rotation
from slam.tracking.motion import ConstantVelocity
from slam.tracking.photometric import PhotometricKeyframe, PhotometricTerm, make_keyframe
from slam.tracking.prepare import PointCloud, PreparedFrame, prepare
from slam.tracking.solve import Step, information, solve, without_noise

CONVERGED_M = 3e-4
MIN_POINTS = 200
MIN_RECOVERED = 0.5  # share of the points that must fit the map to believe a pose found again
MAX_GAP_S = 2.0  # between frames; after more the camera may be anywhere
MAX_UNCERTAINTY_M = 0.005  # of a pose in its least certain direction; above, it is weak
# Neighbouring readings do not err independently: that part of them is counted.
GEOMETRIC_SHARE = 0.1
PHOTOMETRIC_SHARE = 0.05


@dataclass(frozen=True)
class _Stage:
    """One pass of the alignment, coarse to fine."""

    level: int  # of the photometric pyramid
    point_step: int
    scale: float  # of the robust loss, in standard deviations
    max_distance_m: float  # geometric pairs farther apart are no pairs; 0 leaves geometry out
    max_uncertainty_m: float  # directions less certain keep the motion prior
    max_iterations: int


@dataclass(frozen=True)
class _Linearised:
    """Both residuals at one pose, and the step from there."""

    geometric: NormalEquations
    conditioning: float
    step: Step


STAGES = (
    _Stage(2, 4, 10.0, 0.1, MAX_UNCERTAINTY_M, 8),
    _Stage(1, 2, 3.0, 0.05, MAX_UNCERTAINTY_M, 8),
)
# Small images first: they pull from ten times as far. Then the rendered surface, which has no
# truncated distance.
RECOVERY = (
    _Stage(4, 4, 5.0, 0.0, 1.0, 12),
    _Stage(3, 4, 5.0, 0.0, 1.0, 12),
    _Stage(2, 2, 20.0, 0.3, 0.1, 12),
    _Stage(2, 2, 10.0, 0.1, 0.1, 12),
)


class DenseTracker:
    """Tracks each frame against the map (geometry) and against the last keyframe (intensity)."""

    def __init__(self, config: TrackingConfig, has_map: bool = False) -> None:
        """Start at the origin; with `has_map` the first frame is aligned from there."""
        self._config = config
        self._has_map = has_map
        self._motion = ConstantVelocity()
        self._keyframe: PhotometricKeyframe | None = None
        self._num_weak = 0

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Estimate T_world_camera of the next frame."""
        prepared = prepare(frame)
        T_predicted = self._motion.predict(frame.timestamp_s)
        if T_predicted is None and not self._has_map:
            result = self._start(prepared)
        else:
            T_predicted = np.eye(4) if T_predicted is None else T_predicted
            result = self._judge(prepared, self._align(prepared, map_, T_predicted), T_predicted)
            if result.state is not TrackState.OK:
                result = self._recover(prepared, map_, T_predicted) or result
        self._remember(prepared, result)
        return result

    def _start(self, prepared: PreparedFrame) -> TrackResult:
        """Take the first usable frame as the origin, with the axes that gravity gives."""
        num_points = len(prepared.cloud.points)
        if num_points < MIN_POINTS:
            reason = f"the first frame has only {num_points} depth points"
            return TrackResult(np.eye(4), TrackState.LOST, reason, 0.0, 0.0, 0.0, 0)
        T_world_camera = level_rotation(prepared.frame.acceleration)
        return TrackResult(T_world_camera, TrackState.OK, "", 0.0, 1.0, 1.0, 0)

    def _align(self, prepared: PreparedFrame, map_: Map, T_start: Transform) -> TrackResult:
        """Align from T_start with the geometry that the config names."""
        if self._config.geometry == "sdf":
            geometry = SdfGeometry(map_)
        else:
            geometry = ProjectiveGeometry(map_, prepared.levels[1].camera, T_start)
        return self._descend(prepared, geometry, STAGES, T_start)

    def _recover(self, prepared: PreparedFrame, map_: Map, T_last: Transform) -> TrackResult | None:
        """Search a wider surrounding of the last pose; None unless most of the frame then fits the
        map.
        """
        geometry = ProjectiveGeometry(map_, prepared.levels[2].camera, T_last)
        coarse = self._descend(prepared, geometry, RECOVERY, T_last)
        result = self._align(prepared, map_, coarse.T_world_camera)
        is_found = result.state is TrackState.OK and result.inlier_ratio > MIN_RECOVERED
        return result if is_found else None

    def _descend(
        self,
        prepared: PreparedFrame,
        geometry: Geometry,
        stages: tuple[_Stage, ...],
        T_start: Transform,
    ) -> TrackResult:
        """Run Gauss-Newton through the stages."""
        cloud = prepared.cloud
        if len(cloud.points) < MIN_POINTS:
            reason = f"only {len(cloud.points)} depth points"
            return TrackResult(T_start, TrackState.LOST, reason, 0.0, 0.0, 0.0, 0)
        photometric = self._photometric(prepared)
        lever_m = float(np.median(cloud.points[:, 2]))
        T = T_start
        num_iterations = 0
        points, here = cloud, None
        for stage in stages:
            points = cloud if stage.point_step == 1 else cloud.subsample(stage.point_step)
            for _ in range(stage.max_iterations):
                here = self._step(geometry, photometric, points, stage, T, lever_m)
                twist = here.step.twist
                T = T @ se3_exp(twist)
                num_iterations += 1
                moved_m = float(np.abs(twist[:3]).sum() + lever_m * np.abs(twist[3:]).sum())
                if moved_m < CONVERGED_M:
                    break
        assert here is not None
        return self._result(orthonormalise(T), points, here, num_iterations)

    def _step(
        self,
        geometry: Geometry,
        photometric: PhotometricTerm | None,
        points: PointCloud,
        stage: _Stage,
        T: Transform,
        lever_m: float,
    ) -> _Linearised:
        """Linearise both residuals at T and solve for one step."""
        geometric = geometry.equations(points, T, stage.scale, stage.max_distance_m)
        total, conditioning = without_noise(
            information(geometric, lever_m, GEOMETRIC_SHARE), self._config.normal_variance
        )
        if photometric is not None:
            equations = photometric.equations(stage.level, T, stage.scale)
            total = total + information(equations, lever_m, PHOTOMETRIC_SHARE)
        step = solve(total, lever_m, stage.max_uncertainty_m)
        return _Linearised(geometric, conditioning, step)

    def _photometric(self, prepared: PreparedFrame) -> PhotometricTerm | None:
        if not self._config.photometric or self._keyframe is None or prepared.frame.color is None:
            return None
        return PhotometricTerm(self._keyframe, prepared, self._config.intensity_sigma)

    def _result(
        self,
        T: Transform,
        cloud: PointCloud,
        here: _Linearised,
        num_iterations: int,
    ) -> TrackResult:
        geometric = here.geometric
        residual_sigmas = float(np.sqrt(geometric.squared_error / max(geometric.weight, 1e-9)))
        inlier_ratio = float(geometric.weight / len(cloud.points))
        state, reason = TrackState.OK, ""
        if inlier_ratio < self._config.lost_inlier_ratio:
            state, reason = TrackState.LOST, f"only {inlier_ratio:.0%} of the points meet the map"
        elif residual_sigmas > self._config.max_residual_sigmas:
            state = TrackState.LOST
            reason = f"residual is {residual_sigmas:.1f} times the sensor's noise"
        elif here.step.uncertainty_m > MAX_UNCERTAINTY_M:
            state = TrackState.WEAK
            reason = f"the view leaves {1e3 * here.step.uncertainty_m:.0f} mm of the pose open"
        elif inlier_ratio < self._config.min_inlier_ratio:
            state, reason = TrackState.WEAK, f"only {inlier_ratio:.0%} of the points meet the map"
        residual_m = residual_sigmas * float(np.median(cloud.sigma_m))
        return TrackResult(
            T, state, reason, residual_m, inlier_ratio, here.conditioning, num_iterations
        )

    def _judge(
        self, prepared: PreparedFrame, result: TrackResult, T_predicted: Transform
    ) -> TrackResult:
        """Refuse jumps and, after a gap, poses that most of the frame does not bear out; give up on
        a pose that has been weak for too long.
        """
        if result.state is TrackState.LOST:
            return replace(result, T_world_camera=T_predicted)
        gap_s = self._motion.gap_s(prepared.frame.timestamp_s)
        if gap_s > MAX_GAP_S and result.inlier_ratio < MIN_RECOVERED:
            share = f"only {result.inlier_ratio:.0%} of the points meet the map"
            reason = f"after {gap_s:.1f} s without a frame {share}"
            return replace(result, state=TrackState.LOST, reason=reason, T_world_camera=T_predicted)
        T_jump = inverse(T_predicted) @ result.T_world_camera
        jump_m = float(np.linalg.norm(T_jump[:3, 3]))
        jump_deg = float(np.degrees(rotation_angle_rad(T_jump[:3, :3])))
        if jump_m > self._config.max_translation_m or jump_deg > self._config.max_rotation_deg:
            reason = f"the pose jumps by {jump_m:.2f} m and {jump_deg:.0f} deg in one frame"
            return replace(result, state=TrackState.LOST, reason=reason, T_world_camera=T_predicted)
        if result.state is TrackState.WEAK and self._num_weak >= self._config.max_weak_frames:
            reason = f"weak for {self._num_weak} frames: {result.reason}"
            return replace(result, state=TrackState.LOST, reason=reason)
        return result

    def _remember(self, prepared: PreparedFrame, result: TrackResult) -> None:
        """Update motion prior and keyframe."""
        if result.state is TrackState.LOST:
            self._motion.forget_velocity()
            return
        self._num_weak = self._num_weak + 1 if result.state is TrackState.WEAK else 0
        self._motion.observe(prepared.frame.timestamp_s, result.T_world_camera)
        keyframe = self._keyframe
        if keyframe is None or keyframe.is_worn_out(result.T_world_camera):
            self._keyframe = make_keyframe(prepared, result.T_world_camera) or keyframe
