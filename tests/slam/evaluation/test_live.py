import numpy as np
import pytest

from slam.evaluation.live import AteSoFar, live_truth
from slam.evaluation.trajectory import evaluate_trajectory
from slam.geometry import inverse, se3_exp
from slam.sources.synthetic import open_synthetic
from slam.trajectory import Trajectory


@pytest.fixture
def truth() -> Trajectory:
    return open_synthetic("room", 60).ground_truth()


def estimate_of(truth: Trajectory, noise_m: float = 0.01) -> Trajectory:
    """Return the true poses in the first camera's world, each a little off."""
    rng = np.random.default_rng(0)
    poses = [
        inverse(truth.Ts_world_camera[0])
        @ T
        @ se3_exp(np.r_[noise_m * rng.normal(size=3), 0, 0, 0])
        for T in truth.Ts_world_camera
    ]
    return Trajectory(truth.timestamps_s.copy(), np.array(poses))


def test_it_is_the_ate_of_the_poses_so_far(truth):
    estimate = estimate_of(truth)
    score = AteSoFar(truth)
    for k, (timestamp_s, T) in enumerate(
        zip(estimate.timestamps_s, estimate.Ts_world_camera, strict=True), start=1
    ):
        score.add(timestamp_s, T)
        if k in (3, 10, 60):
            part = Trajectory(estimate.timestamps_s[:k], estimate.Ts_world_camera[:k])
            expected_m = evaluate_trajectory(part, truth).ate_rmse_m
            assert score.rmse_m() == pytest.approx(expected_m, rel=1e-5)


def test_perfect_poses_score_nothing(truth):
    estimate = estimate_of(truth, noise_m=0.0)
    score = AteSoFar(truth)
    for timestamp_s, T in zip(estimate.timestamps_s, estimate.Ts_world_camera, strict=True):
        T_world_true = score.add(timestamp_s, T)
        np.testing.assert_allclose(T_world_true, T, atol=1e-12)
    assert score.rmse_m() < 1e-7


def test_poses_without_a_true_one_are_left_out(truth):
    score = AteSoFar(Trajectory(truth.timestamps_s[::2], truth.Ts_world_camera[::2]))
    estimate = estimate_of(truth)
    found = [
        score.add(timestamp_s, T) is not None
        for timestamp_s, T in zip(
            estimate.timestamps_s[::2] + 0.001, estimate.Ts_world_camera[::2], strict=True
        )
    ]
    assert all(found)
    assert score.add(1e4, np.eye(4)) is None
    assert score.add(estimate.timestamps_s[0], np.eye(4)) is None  # each is used once


def test_two_poses_have_no_score(truth):
    score = AteSoFar(truth)
    score.add(truth.timestamps_s[0], np.eye(4))
    score.add(truth.timestamps_s[1], np.eye(4))
    assert np.isnan(score.rmse_m())


def test_live_truth_leaves_out_what_is_not_finite():
    source = open_synthetic("room", 5)
    assert len(live_truth(source)) == 5
    broken = source.ground_truth()
    broken.Ts_world_camera[2] = np.nan
    source.ground_truth = lambda: broken
    assert live_truth(source).timestamps_s.tolist() == source.timestamps_s[[0, 1, 3, 4]].tolist()
    broken.Ts_world_camera[:] = np.nan
    assert live_truth(source) is None
    source.ground_truth = lambda: None
    assert live_truth(source) is None
