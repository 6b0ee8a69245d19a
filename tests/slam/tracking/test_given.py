"""The tracker that is told the poses."""

import numpy as np
import pytest

from slam.geometry import inverse, se3_exp
from slam.tracking.base import Tracker, TrackState
from slam.tracking.given import GivenPoses
from slam.trajectory import Trajectory

STAMPS_S = np.array([10.0, 10.1, 10.2])
POSES = np.array([se3_exp(np.array([i, 0.5, 2.0, 0.1 * i, 0.3, -1.0])) for i in range(3)])


@pytest.fixture
def tracker():
    return GivenPoses(Trajectory(STAMPS_S, POSES))


def _at(see, stamp_s):
    from dataclasses import replace

    return replace(see(np.eye(4)), timestamp_s=stamp_s)


def test_it_is_a_tracker(tracker):
    assert isinstance(tracker, Tracker)


def test_poses_are_given_in_the_first_one_s_frame(tracker, see, make_rig):
    for stamp_s, T in zip(STAMPS_S, POSES, strict=True):
        result = tracker.track(_at(see, stamp_s + 0.015), make_rig().map)
        assert result.state is TrackState.OK
        np.testing.assert_allclose(result.T_world_camera, inverse(POSES[0]) @ T, atol=1e-12)


def test_a_frame_without_a_pose_is_lost(tracker, see, make_rig):
    result = tracker.track(_at(see, 10.05), make_rig().map)
    assert result.state is TrackState.LOST
    assert "10.050 s" in result.reason
