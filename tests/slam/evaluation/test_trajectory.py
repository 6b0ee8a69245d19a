"""Trajectory scores: laws, and agreement with evo."""

import numpy as np
import pytest
from evo.core import metrics
from evo.core.trajectory import PoseTrajectory3D

from slam.errors import SlamError
from slam.evaluation.trajectory import (
    align,
    associate_poses,
    evaluate_trajectory,
    relative_size,
)
from slam.geometry import inverse, rotation_angle_rad, se3_exp
from slam.trajectory import Trajectory, read_tum

FPS = 30.0


def random_walk(num: int, seed: int, start_s: float = 100.0) -> Trajectory:
    random = np.random.default_rng(seed)
    poses = [se3_exp(random.normal(size=6))]
    for _ in range(num - 1):
        poses.append(poses[-1] @ se3_exp(0.02 * random.normal(size=6)))
    return Trajectory(start_s + np.arange(num) / FPS, np.array(poses))


def noisy(trajectory: Trajectory, sigma: float, seed: int) -> Trajectory:
    random = np.random.default_rng(seed)
    noise = np.array([se3_exp(sigma * random.normal(size=6)) for _ in range(len(trajectory))])
    return Trajectory(trajectory.timestamps_s, trajectory.Ts_world_camera @ noise)


def moved(trajectory: Trajectory, T_new_world: np.ndarray) -> Trajectory:
    return Trajectory(trajectory.timestamps_s, T_new_world @ trajectory.Ts_world_camera)


def in_first_camera(trajectory: Trajectory) -> Trajectory:
    return moved(trajectory, inverse(trajectory.Ts_world_camera[0]))


def test_equal_trajectories_in_different_worlds_have_no_error():
    truth = random_walk(90, 0)
    scores = evaluate_trajectory(in_first_camera(truth), truth)
    errors = [scores.ate_rmse_m, scores.ate_max_m, scores.ate_unaligned_rmse_m]
    errors += [scores.final_drift_m, scores.rpe_trans_m]
    np.testing.assert_allclose(errors, 0.0, atol=1e-12)
    assert scores.rpe_rot_deg == pytest.approx(0.0, abs=1e-6)
    assert scores.num_associated == 90
    steps_m = np.linalg.norm(np.diff(truth.positions_m, axis=0), axis=1)
    assert scores.path_length_m == pytest.approx(steps_m.sum())


def test_scores_do_not_depend_on_the_worlds():
    truth, estimate = random_walk(60, 1), noisy(random_walk(60, 1), 0.01, 2)
    twist = np.random.default_rng(3).normal(size=6)
    before = evaluate_trajectory(estimate, truth)
    after = evaluate_trajectory(moved(estimate, se3_exp(twist)), moved(truth, se3_exp(-2 * twist)))
    for name in before.__dataclass_fields__:
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-9)
    assert before.ate_rmse_m > 0.005


def test_alignment_finds_the_transform_and_no_other_is_better():
    truth, estimate = random_walk(60, 1), noisy(random_walk(60, 1), 0.02, 2)
    T = se3_exp(np.random.default_rng(5).normal(size=6))
    np.testing.assert_allclose(align(moved(truth, inverse(T)), truth), T, atol=1e-12, rtol=0.0)
    best_m = evaluate_trajectory(estimate, truth).ate_rmse_m
    T_truth_estimate = align(estimate, truth)
    random = np.random.default_rng(6)
    for _ in range(20):
        other = moved(estimate, se3_exp(1e-3 * random.normal(size=6)) @ T_truth_estimate)
        errors_m = np.linalg.norm(other.positions_m - truth.positions_m, axis=1)
        assert np.sqrt(np.mean(errors_m**2)) > best_m


@pytest.mark.parametrize("seed", range(6))
def test_alignment_is_never_a_mirror(seed):
    """Positions in a plane fit as well mirrored."""
    truth, estimate = random_walk(30, seed), noisy(random_walk(30, seed), 0.01, seed)
    truth.Ts_world_camera[:, 2, 3] = estimate.Ts_world_camera[:, 2, 3] = 0.0
    estimate = moved(estimate, se3_exp(np.random.default_rng(seed).normal(size=6)))
    assert np.linalg.det(align(estimate, truth)[:3, :3]) == pytest.approx(1.0)


@pytest.mark.parametrize("speed_m", [0.0, 0.01])
def test_orientations_decide_where_positions_do_not(speed_m):
    """On a straight line, and standing still, positions leave a rotation open."""
    truth = random_walk(30, 7)
    truth.Ts_world_camera[:, :3, 3] = np.outer(np.arange(30), [speed_m, 0.0, 0.0]) + 1.0
    np.testing.assert_allclose(
        align(in_first_camera(truth), truth), truth.Ts_world_camera[0], atol=1e-9, rtol=0.0
    )


def test_a_lever_brings_what_was_seen_together():
    """Positions 2 cm wrong on a path of 30 cm turn the world by degrees; orientations do not."""
    truth = random_walk(30, 8)
    truth.Ts_world_camera[:, :3, 3] = np.linspace([0, 0, 0], [0.3, 0.1, 0], 30)
    estimate = in_first_camera(truth)
    estimate.Ts_world_camera[:, :3, 3] += 0.02 * np.random.default_rng(8).normal(size=(30, 3))
    R_truth_estimate = truth.Ts_world_camera[0, :3, :3]

    def error_deg(lever_m: float) -> float:
        R = align(estimate, truth, lever_m)[:3, :3]
        return float(np.rad2deg(rotation_angle_rad(R @ R_truth_estimate.T)))

    assert error_deg(0.0) > 1.0
    assert error_deg(2.0) < 0.1


def test_known_drift():
    """A straight walk whose estimate is 1 % too long and turns by 0.1 degree a second."""
    num = 91
    poses = np.tile(np.eye(4), (num, 1, 1))
    poses[:, 2, 3] = np.arange(num) / FPS  # 1 m/s
    truth = Trajectory(np.arange(num) / FPS, poses)
    estimate = Trajectory(truth.timestamps_s, poses.copy())
    for i in range(num):
        estimate.Ts_world_camera[i] = se3_exp(np.array([0, 0, 0, 0, np.deg2rad(0.1) * i / FPS, 0]))
        estimate.Ts_world_camera[i, 2, 3] = 1.01 * i / FPS
    scores = evaluate_trajectory(estimate, truth)
    assert scores.final_drift_m == pytest.approx(0.03)
    assert scores.path_length_m == pytest.approx(3.0)
    assert scores.rpe_rot_deg == pytest.approx(0.1)
    # The step of 1.01 m, seen from a camera turned by at most 0.2 degrees: 3.5 mm sideways.
    assert scores.rpe_trans_m == pytest.approx(0.01, rel=0.03)
    assert scores.ate_rmse_m == pytest.approx(0.01 * np.std(np.arange(num) / FPS))


def test_association_tolerates_20_ms_and_true_poses_not_finite():
    truth = random_walk(60, 1)
    late = Trajectory(truth.timestamps_s + 0.015, truth.Ts_world_camera)
    assert evaluate_trajectory(late, truth).num_associated == 60
    truth.Ts_world_camera[10, 0, 3] = -np.inf
    scores = evaluate_trajectory(random_walk(60, 1), truth)
    assert scores.num_associated == 59
    assert scores.ate_rmse_m == pytest.approx(0.0, abs=1e-12)


def test_short_recording_has_no_relative_error():
    scores = evaluate_trajectory(random_walk(10, 0), random_walk(10, 0))
    assert np.isnan(scores.rpe_trans_m)
    assert np.isnan(scores.rpe_rot_deg)


def test_relative_error_leaves_out_gaps():
    truth = random_walk(90, 3)
    keep = np.r_[0:40, 75:90]
    holed = Trajectory(truth.timestamps_s[keep], truth.Ts_world_camera[keep])
    broken = Trajectory(holed.timestamps_s, holed.Ts_world_camera.copy())
    broken.Ts_world_camera[40:, :3, 3] += 5.0  # behind the gap, which is longer than 1 s
    assert evaluate_trajectory(broken, truth).rpe_trans_m == pytest.approx(0.0, abs=1e-12)


def test_degenerate_input_is_an_error_of_one_line():
    truth = random_walk(60, 1)
    with pytest.raises(SlamError, match=r"only 0 .* 60 poses from 900\.000 to 901\.967 s"):
        evaluate_trajectory(random_walk(60, 1, start_s=900.0), truth)
    with pytest.raises(SlamError, match="only 2 estimated poses"):
        evaluate_trajectory(random_walk(2, 1), truth)
    with pytest.raises(SlamError, match="the estimate has no poses"):
        evaluate_trajectory(Trajectory(np.empty(0), np.empty((0, 4, 4))), truth)


def evo_scores(estimate: Trajectory, truth: Trajectory) -> tuple[float, float, float]:
    """ATE, and RPE over 30 frames, which is 1 s for the trajectories of these tests."""
    reference, other = (
        PoseTrajectory3D(poses_se3=list(t.Ts_world_camera), timestamps=t.timestamps_s)
        for t in (truth, estimate)
    )
    relation = metrics.PoseRelation
    rpes = []
    for kind in (relation.translation_part, relation.rotation_angle_deg):
        rpe = metrics.RPE(kind, delta=30, delta_unit=metrics.Unit.frames, all_pairs=True)
        rpe.process_data((reference, other))
        rpes.append(rpe.get_statistic(metrics.StatisticsType.rmse))
    other.align(reference)
    ape = metrics.APE(relation.translation_part)
    ape.process_data((reference, other))
    return ape.get_statistic(metrics.StatisticsType.rmse), rpes[0], rpes[1]


@pytest.mark.parametrize("seed", range(4))
def test_scores_agree_with_evo(seed):
    truth = random_walk(120, seed)
    estimate = in_first_camera(noisy(truth, 0.02, seed + 50))
    scores = evaluate_trajectory(estimate, truth)
    ours = (scores.ate_rmse_m, scores.rpe_trans_m, scores.rpe_rot_deg)
    np.testing.assert_allclose(ours, evo_scores(estimate, truth), rtol=1e-6)


def test_scores_agree_with_evo_on_a_real_walk(data_dir):
    real = read_tum(data_dir / "redkitchen" / "groundtruth.txt")
    # Its stamps are those of the frames at a nominal 30 Hz, so 30 frames are 1 s.
    truth = Trajectory(real.timestamps_s[0] + np.arange(len(real)) / FPS, real.Ts_world_camera)
    estimate, truth = associate_poses(in_first_camera(noisy(truth, 0.01, 9)), truth)
    scores = evaluate_trajectory(estimate, truth)
    ours = (scores.ate_rmse_m, scores.rpe_trans_m, scores.rpe_rot_deg)
    np.testing.assert_allclose(ours, evo_scores(estimate, truth), rtol=1e-6)


@pytest.mark.parametrize("size", [0.25, 0.9, 1.0, 1.05, 2.0, 5.0])
def test_another_size_of_the_world_is_found(size):
    rng = np.random.default_rng(0)
    truth = Trajectory(np.arange(50) / 30, np.tile(np.eye(4), (50, 1, 1)))
    truth.Ts_world_camera[:, :3, 3] = np.cumsum(rng.normal(0, 0.02, (50, 3)), axis=0)
    estimate = Trajectory(truth.timestamps_s, truth.Ts_world_camera.copy())
    estimate.Ts_world_camera[:, :3, 3] = truth.positions_m / size + rng.normal(0, 1e-3, (50, 3))
    found = relative_size(estimate, truth)
    if 0.91 < size < 1.1:
        assert found is None
    else:
        assert found == pytest.approx(size, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_a_track_that_ran_off_has_no_size(seed):
    """Shrunk to a point it is nearer to the truth, which tells nothing."""
    rng = np.random.default_rng(seed)
    truth = Trajectory(np.arange(50) / 30, np.tile(np.eye(4), (50, 1, 1)))
    truth.Ts_world_camera[:, :3, 3] = np.cumsum(rng.normal(0, 0.01, (50, 3)), axis=0)
    estimate = Trajectory(truth.timestamps_s, truth.Ts_world_camera.copy())
    estimate.Ts_world_camera[:, :3, 3] += np.cumsum(rng.normal(0, 0.2, (50, 3)), axis=0)
    assert relative_size(estimate, truth) is None


def test_a_camera_that_hardly_moved_has_no_size():
    truth = Trajectory(np.arange(9) / 30, np.tile(np.eye(4), (9, 1, 1)))
    assert relative_size(truth, truth) is None


def test_stamps_in_another_unit_are_named():
    truth = Trajectory(1.7e9 + np.arange(9) / 30, np.tile(np.eye(4), (9, 1, 1)))
    with pytest.raises(SlamError, match="the estimate's look like nanoseconds: give seconds"):
        associate_poses(Trajectory(truth.timestamps_s * 1e9, truth.Ts_world_camera), truth)
