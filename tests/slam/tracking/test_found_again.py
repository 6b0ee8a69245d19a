"""A lost camera is looked for where it is recognised, and round its last pose."""

import numpy as np
import pytest

from slam.config import TrackingConfig
from slam.geometry import se3_exp
from slam.tracking.base import TrackState
from slam.tracking.factory import dense_tracker

NUM_MAPPED = 3
AWAY = se3_exp(np.array([0.0, 0.0, 0.0, 0.0, np.pi, 0.0]))  # looks the other way
# 20 cm and 17 degrees from the last pose: farther than what is looked at round it
ELSEWHERE = se3_exp(np.array([0.2, 0.0, 0.0, 0.0, 0.3, 0.0]))


class Place:
    """Recognises one place, from one frame on, or takes any frame for it."""

    def __init__(self, T_world_camera: np.ndarray, first: int) -> None:
        self._T_world_camera, self._first = T_world_camera, first

    def recognise(self, frame):
        return self._T_world_camera if frame.index >= self._first else None

    def confirm(self, frame, T_world_camera):
        pass


def tracker_of(make_rig, see, place: Place):
    """A rig whose tracker knows a place, in a map that has it, and has mapped its first frames."""
    rig = make_rig()
    rig.tracker = dense_tracker(TrackingConfig(), recogniser=place)
    for index in range(NUM_MAPPED):
        rig.step(see(np.eye(4), index))
    rig.map.integrate(see(ELSEWHERE), ELSEWHERE)
    return rig


@pytest.mark.parametrize("num_lost", range(6))
def test_a_place_is_found_in_the_frame_in_which_it_is_recognised(make_rig, see, num_lost):
    first = NUM_MAPPED + num_lost
    rig = tracker_of(make_rig, see, Place(ELSEWHERE, first))
    for index in range(NUM_MAPPED, first):
        assert rig.step(see(AWAY, index)).state is TrackState.LOST
    # seen from far enough away that only the place tells where that is
    result = rig.step(see(ELSEWHERE, first + 20 * 30))
    assert result.state is TrackState.OK, result.reason
    np.testing.assert_allclose(result.T_world_camera, ELSEWHERE, atol=1e-3)


def test_places_that_are_taken_for_another_do_not_end_the_search_round_the_last_pose(make_rig, see):
    rig = tracker_of(make_rig, see, Place(AWAY, 0))
    for index in range(NUM_MAPPED, NUM_MAPPED + 3):
        assert rig.step(see(AWAY, index)).state is TrackState.LOST
    found = [rig.step(see(np.eye(4), NUM_MAPPED + 3 + n)).state for n in range(2)]
    assert TrackState.OK in found
