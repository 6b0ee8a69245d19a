"""What tells a map that a drifted track has left from what has changed, on alignments made up."""

import numpy as np
import pytest

from slam.config import TrackingConfig
from slam.geometry import se3_exp
from slam.tracking import outdated
from slam.tracking.agreement import Agreement
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.host import HostAligner
from slam.tracking.map_support import Support

T_ALONE = np.eye(4)


class Told(HostAligner):
    """An aligner that says what it is told."""

    def __init__(self, alone: TrackResult, agreement: Agreement) -> None:
        super().__init__(TrackingConfig())
        self.alone, self.told = alone, agreement

    def align_beside(self, T_start):
        return self.alone

    def agreement(self, T_world_camera):
        return self.told


def result(off_m=0.0, residual_sigmas=1.5, likeness=0.92) -> TrackResult:
    T = se3_exp(np.array([off_m, 0.0, 0.0, 0.0, 0.0, 0.0])) @ T_ALONE
    return TrackResult(
        T, TrackState.OK, "", 0.0, 0.7, 1.0, 9, uncertainty_m=0.003,
        residual_sigmas=residual_sigmas, likeness=likeness,
    )  # fmt: skip


@pytest.fixture
def beside(monkeypatch, make_rig, see):
    """Whether the track goes on beside the map."""
    map_, frame = make_rig().map, see(T_ALONE)

    def tell(drawn, alone=None, known=1.0, agreeing=1.0, contradicted=0.0):
        alone = alone or result(residual_sigmas=1.3, likeness=0.98)
        aligner = Told(alone, Agreement(0.9, contradicted, alone.likeness))
        monkeypatch.setattr(outdated, "support", lambda *_: Support(known, agreeing))
        found = outdated.pose_beside(map_, frame, aligner, drawn, T_ALONE, lambda _: True)
        assert found is None or found is alone
        return found is alone

    return tell


def test_a_pose_that_the_map_draws_off_is_left(beside):
    assert beside(result(0.025))
    assert not beside(result(0.005))


def test_a_thing_that_begins_to_move_draws_the_keyframes_pose(beside):
    """Then the map's explains more, of the depth or of what is seen."""
    drawn = result(0.025)
    assert not beside(drawn, result(residual_sigmas=1.6, likeness=0.98))
    assert not beside(drawn, result(residual_sigmas=1.3, likeness=0.90))


@pytest.mark.parametrize("other", [{"known": 0.7}, {"contradicted": 0.05}])
def test_no_map_is_left_that_shows_new_surface_or_what_has_moved(beside, other):
    assert not beside(result(0.025), **other)


def test_a_map_that_shows_all_of_it_elsewhere_is_left(beside):
    assert beside(result(0.0), agreeing=0.6)
