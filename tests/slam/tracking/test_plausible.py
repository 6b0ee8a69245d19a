"""Which poses can follow a track."""

import numpy as np
import pytest

from slam.config import TrackingConfig
from slam.geometry import Transform, se3_exp
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.plausible import MAX_GAP_S, plausible

CONFIG = TrackingConfig()


def found(T: Transform, state: TrackState = TrackState.OK, inliers: float = 0.9) -> TrackResult:
    reason = "" if state is TrackState.OK else "few points"
    return TrackResult(T, state, reason, 0.001, inliers, 1.0, 3)


def moved(x_m: float, turned_rad: float = 0.0) -> Transform:
    return se3_exp(np.array([x_m, 0.0, 0.0, 0.0, turned_rad, 0.0]))


def test_a_small_step_is_taken_as_it_is():
    result = found(moved(0.05, 0.02))
    assert plausible(result, np.eye(4), 0.03, 0, CONFIG) is result


@pytest.mark.parametrize("T", [moved(0.31), moved(0.0, np.radians(26.0))])
def test_a_jump_is_lost_where_it_was_predicted(T):
    result = plausible(found(T), np.eye(4), 0.03, 0, CONFIG)
    assert result.state is TrackState.LOST
    assert "jumps" in result.reason
    assert (result.T_world_camera == np.eye(4)).all()


def test_after_a_gap_most_of_the_frame_must_meet_the_map():
    few = found(moved(0.05), inliers=0.45)
    assert plausible(few, np.eye(4), MAX_GAP_S - 0.1, 0, CONFIG) is few
    assert plausible(few, np.eye(4), MAX_GAP_S + 0.1, 0, CONFIG).state is TrackState.LOST


def test_weak_for_too_long_is_lost():
    weak = found(moved(0.05), TrackState.WEAK)
    most = CONFIG.max_weak_frames
    assert plausible(weak, np.eye(4), 0.03, most - 1, CONFIG) is weak
    assert plausible(weak, np.eye(4), 0.03, most, CONFIG).state is TrackState.LOST
