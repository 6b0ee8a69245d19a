"""Trajectory scores: absolute and relative pose error against ground truth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.geometry import Transform, inverse, nearest_rotation, rotation_angle_rad
from slam.sources.time_stamps import SECONDS, unit_beside
from slam.trajectory import Trajectory, associate

_MIN_PAIRS = 3
_MAX_DIFFERENCE_S = 0.02
_RPE_DELTA_S = 1.0
_LEAST_SPREAD_M = 0.01
_LEVER_M = 2.0  # about as far as what the cameras see
_OTHER_SIZE = 1.1
_MUCH_BETTER = 0.5  # of the error, with the factor
_UNEXPLAINED = 0.05  # of the truth's variance, at most: walks alone are often alike by half


@dataclass(frozen=True)
class TrajectoryScores:
    """Errors over the associated frames. Relative errors are NaN if they span less than 1 s."""

    num_associated: int
    ate_rmse_m: float
    ate_mean_m: float
    ate_median_m: float
    ate_max_m: float
    ate_unaligned_rmse_m: float  # aligned at the first associated pose only
    rpe_trans_m: float  # RMSE over 1 s
    rpe_rot_deg: float  # RMSE over 1 s
    path_length_m: float  # of the truth, through the associated frames
    final_drift_m: float  # error of the last position, aligned at the first pose only


def evaluate_trajectory(estimate: Trajectory, truth: Trajectory) -> TrajectoryScores:
    """Score an estimate, whose world is its first camera, against poses in another world."""
    estimate, truth = associate_poses(estimate, truth)
    aligned_m = position_errors_m(estimate, truth, align(estimate, truth))
    T_truth_estimate = truth.Ts_world_camera[0] @ inverse(estimate.Ts_world_camera[0])
    unaligned_m = position_errors_m(estimate, truth, T_truth_estimate)
    relative_m, relative_deg = _relative_errors(estimate, truth)
    return TrajectoryScores(
        num_associated=len(estimate),
        ate_rmse_m=_rmse(aligned_m),
        ate_mean_m=float(aligned_m.mean()),
        ate_median_m=float(np.median(aligned_m)),
        ate_max_m=float(aligned_m.max()),
        ate_unaligned_rmse_m=_rmse(unaligned_m),
        rpe_trans_m=_rmse(relative_m),
        rpe_rot_deg=_rmse(relative_deg),
        path_length_m=float(np.linalg.norm(np.diff(truth.positions_m, axis=0), axis=1).sum()),
        final_drift_m=float(unaligned_m[-1]),
    )


def associate_poses(estimate: Trajectory, truth: Trajectory) -> tuple[Trajectory, Trajectory]:
    """Return the poses that both have, paired one to one within 20 ms; true poses may be NaN."""
    truth = _take(truth, np.flatnonzero(np.isfinite(truth.Ts_world_camera).all(axis=(1, 2))))
    in_estimate, in_truth = associate(estimate.timestamps_s, truth.timestamps_s, _MAX_DIFFERENCE_S)
    if len(in_estimate) < _MIN_PAIRS:
        unit = unit_beside(estimate.timestamps_s, truth.timestamps_s)
        hint = "" if unit is SECONDS else f"; the estimate's look like {unit.name}: give seconds"
        raise SlamError(
            f"only {len(in_estimate)} estimated poses have a true pose within "
            f"{1e3 * _MAX_DIFFERENCE_S:.0f} ms, {_MIN_PAIRS} are needed: "
            f"the estimate has {_span(estimate)}, the truth {_span(truth)}{hint}"
        )
    return _take(estimate, in_estimate), _take(truth, in_truth)


def relative_size(estimate: Trajectory, truth: Trajectory) -> float | None:
    """Return the factor at which the estimate fits the truth (Umeyama 1991, with scale), where it
    is clearly not 1; None where it is, where the camera hardly moved, or where no factor makes the
    estimate explain the truth, as after a track that ran off.
    """
    estimate, truth = associate_poses(estimate, truth)
    a_m = estimate.positions_m - estimate.positions_m.mean(axis=0)
    b_m = truth.positions_m - truth.positions_m.mean(axis=0)
    R = align(estimate, truth)[:3, :3]
    a_m = a_m @ R.T
    spread_m2 = float((a_m**2).sum())
    if min(spread_m2, float((b_m**2).sum())) < len(a_m) * _LEAST_SPREAD_M**2:
        return None
    size = float((a_m * b_m).sum()) / spread_m2
    left_m2 = float(((b_m - size * a_m) ** 2).sum())
    is_better = left_m2 < _MUCH_BETTER**2 * float(((b_m - a_m) ** 2).sum())
    is_explained = left_m2 < _UNEXPLAINED * float((b_m**2).sum())
    is_other = not 1.0 / _OTHER_SIZE < size < _OTHER_SIZE
    return size if size > 0 and is_other and is_better and is_explained else None


def align(estimate: Trajectory, truth: Trajectory, lever_m: float = 0.0) -> Transform:
    """Return the T_truth_estimate that fits paired positions best (Umeyama 1991, without scale).

    Positions on one line leave the rotation about it open; there the orientations decide. With a
    lever they count everywhere: what is fitted then are points as far from the cameras, on their
    axes. On a short path that brings what was seen together, which positions alone do not.
    """
    center_estimate, center_truth = (
        estimate.positions_m.mean(axis=0),
        truth.positions_m.mean(axis=0),
    )
    covariance = (truth.positions_m - center_truth).T @ (estimate.positions_m - center_estimate)
    turns = np.einsum(
        "nij,nkj->ik", truth.Ts_world_camera[:, :3, :3], estimate.Ts_world_camera[:, :3, :3]
    )
    covariance += lever_m**2 * turns
    spread = np.linalg.svd(covariance, compute_uv=False)
    if spread[1] <= 1e-6 * spread[0]:
        # So light that it decides only what the positions leave open.
        covariance += max(1e-6 * spread[0], 1e-12) * turns / len(truth)
    T_truth_estimate = np.eye(4)
    R = nearest_rotation(covariance)
    T_truth_estimate[:3, :3] = R
    T_truth_estimate[:3, 3] = center_truth - R @ center_estimate
    return T_truth_estimate


def align_worlds(estimate: Trajectory, truth: Trajectory) -> Transform:
    """Return the T_truth_estimate that brings together what was seen from poses of the same time:
    for meshes and pictures. The ATE is by its definition of positions alone.
    """
    return align(*associate_poses(estimate, truth), _LEVER_M)


def position_errors_m(
    estimate: Trajectory, truth: Trajectory, T_truth_estimate: Transform
) -> Float64[np.ndarray, "n"]:
    """Return the distance of each paired position after `T_truth_estimate`."""
    mapped_m = estimate.positions_m @ T_truth_estimate[:3, :3].T + T_truth_estimate[:3, 3]
    return np.linalg.norm(mapped_m - truth.positions_m, axis=1)


def _relative_errors(
    estimate: Trajectory, truth: Trajectory
) -> tuple[Float64[np.ndarray, "k"], Float64[np.ndarray, "k"]]:
    """Compare the motions over 1 s from every frame: metres and degrees (Sturm et al. 2012)."""
    stamps_s = estimate.timestamps_s
    goals_s = stamps_s + _RPE_DELTA_S
    after = np.clip(np.searchsorted(stamps_s, goals_s), 1, len(stamps_s) - 1)
    before_is_nearer = goals_s - stamps_s[after - 1] <= stamps_s[after] - goals_s
    ends = after - before_is_nearer
    # The nearest frame is never further than half an interval, except in a gap and past the end.
    is_near = np.abs(stamps_s[ends] - goals_s) <= 0.51 * np.median(np.diff(stamps_s))
    errors_m, errors_deg = [], []
    for start, end in zip(np.flatnonzero(is_near), ends[is_near], strict=True):
        motion_truth = inverse(truth.Ts_world_camera[start]) @ truth.Ts_world_camera[end]
        motion_estimate = inverse(estimate.Ts_world_camera[start]) @ estimate.Ts_world_camera[end]
        difference = inverse(motion_truth) @ motion_estimate
        errors_m.append(np.linalg.norm(difference[:3, 3]))
        errors_deg.append(np.rad2deg(rotation_angle_rad(difference[:3, :3])))
    return np.array(errors_m, dtype=np.float64), np.array(errors_deg, dtype=np.float64)


def _rmse(errors: Float64[np.ndarray, "n"]) -> float:
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")


def _take(trajectory: Trajectory, indices: np.ndarray) -> Trajectory:
    return Trajectory(trajectory.timestamps_s[indices], trajectory.Ts_world_camera[indices])


def _span(trajectory: Trajectory) -> str:
    if not len(trajectory):
        return "no poses"
    first_s, last_s = trajectory.timestamps_s[0], trajectory.timestamps_s[-1]
    return f"{len(trajectory)} poses from {first_s:.3f} to {last_s:.3f} s"
