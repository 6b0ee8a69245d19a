"""The motion prior."""

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.tracking.motion import ConstantVelocity, scaled_motion

VELOCITY = np.array([0.4, -0.1, 0.2, 0.3, -0.5, 0.2])  # a second
T_START = se3_exp(np.array([1.0, 2.0, -0.5, 0.4, 1.2, -2.0]))


def pose(seconds: float) -> np.ndarray:
    """A screw motion, which is what constant velocity is."""
    return T_START @ se3_exp(seconds * VELOCITY)


@pytest.fixture
def motion():
    return ConstantVelocity()


def test_before_the_first_pose_there_is_no_prediction(motion):
    assert motion.predict(0.0) is None


def test_one_pose_predicts_rest(motion):
    motion.observe(0.0, pose(0.0))
    np.testing.assert_array_equal(motion.predict(0.1), pose(0.0))


@pytest.mark.parametrize("stamps_s", [(0.0, 1 / 30, 2 / 30), (5.0, 5.02, 5.09), (0.0, 0.3, 0.4)])
def test_constant_velocity_is_predicted_whatever_the_stamps(motion, stamps_s):
    first_s, second_s, next_s = stamps_s
    motion.observe(first_s, pose(first_s))
    motion.observe(second_s, pose(second_s))
    np.testing.assert_allclose(motion.predict(next_s), pose(next_s), atol=1e-12)


def test_only_the_last_motion_counts(motion):
    motion.observe(-0.1, np.eye(4))
    for stamp_s in (0.0, 0.05):
        motion.observe(stamp_s, pose(stamp_s))
    np.testing.assert_allclose(motion.predict(0.08), pose(0.08), atol=1e-12)


@pytest.mark.parametrize("next_s", [0.033 + 10 * 0.033, 0.033 + 0.001])
def test_after_a_gap_the_last_pose_is_predicted(motion, next_s):
    motion.observe(0.0, pose(0.0))
    motion.observe(0.033, pose(0.033))
    np.testing.assert_array_equal(motion.predict(next_s), pose(0.033))


def test_a_forgotten_velocity_is_rest(motion):
    motion.observe(0.0, pose(0.0))
    motion.observe(0.033, pose(0.033))
    motion.forget_velocity()
    np.testing.assert_array_equal(motion.predict(0.066), pose(0.033))
    motion.observe(0.1, pose(0.1))  # two poses again
    np.testing.assert_allclose(motion.predict(0.15), pose(0.15), atol=1e-12)


@pytest.mark.parametrize("before_s", [0.1, 0.2])
def test_poses_whose_time_does_not_go_on_have_no_velocity(motion, before_s):
    motion.observe(before_s, pose(0.0))
    motion.observe(0.1, pose(0.033))
    assert not motion.has_velocity(0.133)
    np.testing.assert_array_equal(motion.predict(0.133), pose(0.033))


def test_predictions_stay_rigid(motion):
    T = pose(0.0)
    for index in range(500):
        motion.observe(index / 30, T)
        T = motion.predict((index + 1) / 30)
        if index == 0:
            T = pose(1 / 30)
    np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(T, pose(500 / 30), atol=1e-9)


def test_half_a_motion_twice_is_the_whole():
    T = se3_exp(VELOCITY)
    half = scaled_motion(T, 0.5)
    np.testing.assert_allclose(half @ half, T, atol=1e-12)
    np.testing.assert_allclose(scaled_motion(T, 3.0), T @ T @ T, atol=1e-12)


def test_an_open_pose_tells_no_velocity(motion):
    """It may have slid anywhere; what was known before fades."""
    motion.observe(0.0, pose(0.0))
    motion.observe(0.1, pose(0.1))
    slid = pose(0.2) @ se3_exp(np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0]))
    motion.observe(0.2, slid, is_open=True)
    np.testing.assert_allclose(motion.predict(0.3), slid @ se3_exp(0.08 * VELOCITY), atol=1e-12)
    motion.observe(0.3, pose(0.3))
    motion.observe(0.4, pose(0.4))
    np.testing.assert_allclose(motion.predict(0.5), pose(0.5), atol=1e-12)


def test_of_a_first_pose_that_is_open_rest_is_predicted(motion):
    motion.observe(0.0, pose(0.0), is_open=True)
    np.testing.assert_array_equal(motion.predict(0.1), pose(0.0))
