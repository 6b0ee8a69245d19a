"""How well an aligned frame meets the map, and what that says of its pose."""

from dataclasses import dataclass
from math import sqrt

from slam.config import TrackingConfig
from slam.geometry import Transform
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.stages import (
    CONVERGED_M,
    MAX_UNCERTAINTY_M,
    MOST_ITERATIONS,
    MOST_UNCERTAIN_M,
)

UNDER_WAY = 4.0  # uncertainties that a last step is long, of a pose that has not been reached yet


@dataclass(frozen=True)
class Fit:
    """The geometric residual at the end of an alignment."""

    squared_error: float  # sum of weight * e^2, in standard deviations
    weight: float  # sum of the robust weights
    num_points: int
    sigma_m: float  # the median of the points' standard deviations
    conditioning: float
    uncertainty_m: float  # of the pose in its least certain direction
    num_iterations: int
    last_step_m: float  # by which the last iteration moved the points, about
    likeness: float | None  # mean robust weight of the keyframe's pixels; None without any
    pull_m: float | None = None  # see TrackResult


def too_few_points(num_points: int, T_start: Transform) -> TrackResult:
    """Return the result for a frame that cannot be aligned."""
    reason = f"only {num_points} depth points"
    return TrackResult(T_start, TrackState.LOST, reason, 0.0, 0.0, 0.0, 0)


def track_result(T_world_camera: Transform, fit: Fit, config: TrackingConfig) -> TrackResult:
    """Decide by the fit alone how far a pose is to be trusted."""
    residual_sigmas = sqrt(fit.squared_error / max(fit.weight, 1e-9))
    inlier_ratio = fit.weight / fit.num_points
    most_uncertain_m = min(max(MAX_UNCERTAINTY_M, fit.sigma_m), MOST_UNCERTAIN_M)
    is_open = bool(fit.uncertainty_m > most_uncertain_m)
    state, reason = TrackState.OK, ""
    if inlier_ratio < config.lost_inlier_ratio:
        state, reason = TrackState.LOST, f"only {inlier_ratio:.0%} of the points meet the map"
    elif residual_sigmas > config.max_residual_sigmas:
        state = TrackState.LOST
        reason = f"residual is {residual_sigmas:.1f} times the sensor's noise"
    elif is_open:
        state = TrackState.WEAK
        reason = f"the view leaves {1e3 * fit.uncertainty_m:.0f} mm of the pose open"
    elif inlier_ratio < config.min_inlier_ratio:
        state, reason = TrackState.WEAK, f"only {inlier_ratio:.0%} of the points meet the map"
    return TrackResult(
        T_world_camera, state, reason, residual_sigmas * fit.sigma_m, inlier_ratio,
        fit.conditioning, fit.num_iterations, is_open, float(fit.uncertainty_m), residual_sigmas,
        fit.likeness, pull_m=fit.pull_m, is_under_way=_is_under_way(fit),
    )  # fmt: skip


def _is_under_way(fit: Fit) -> bool:
    """Whether an alignment has run out of steps on the way: not where it goes to and fro about a
    pose, by no more than that is uncertain. Without colour steps are short, in a young map.
    """
    if fit.likeness is None:
        return fit.num_iterations == MOST_ITERATIONS
    return bool(fit.last_step_m > max(CONVERGED_M, UNDER_WAY * fit.uncertainty_m))
