"""What a system takes note of, and what it says in the log."""

import logging

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import TsdfConfig
from slam.frame import Frame
from slam.journal import MAX_TOLD, Earlier, FrameRecord, Journal
from slam.maps.tsdf.map import TsdfMap
from slam.tracking.base import TrackResult, TrackState
from slam.trajectory import Trajectory

OK, WEAK, LOST = TrackState.OK, TrackState.WEAK, TrackState.LOST
CAMERA = Camera(8, 6, 8.0, 8.0, 3.5, 2.5)


@pytest.fixture
def noted():
    """Let a journal take note of frames of these states; the map refuses from a frame on."""

    def make(states, reasons=None, refused_from=None, **options):
        journal = Journal(**options)
        for index, state in enumerate(states):
            depth_m = np.ones((6, 8), np.float32)
            frame = Frame(index, index / 30, CAMERA, depth_m, None, DepthNoise())
            reason = "" if state is OK else (reasons[index] if reasons else "because")
            result = TrackResult(np.eye(4), state, reason, 0.0, 1.0, 1.0, 0)
            with journal.tracking_times.measure():
                pass
            map_ = TsdfMap(TsdfConfig(budget_mb=1), DepthNoise())
            map_.num_refused = int(refused_from is not None and index >= refused_from)
            journal.note(frame, result, False, map_)
        return journal

    return make


def test_each_change_of_state_is_told_once_with_its_reason(noted, caplog):
    with caplog.at_level(logging.WARNING):
        journal = noted([OK, OK, WEAK, WEAK, LOST, LOST, OK, OK], name="tsdf")
    assert [record.getMessage() for record in caplog.records] == [
        "tsdf: frame 2: WEAK: because",
        "tsdf: frame 4: LOST: because",
        "tsdf: frame 6: OK: again, after 4 frames",
    ]
    assert [record.reason for record in journal.records()] == ["", "", *4 * ["because"], "", ""]


def test_a_flickering_state_does_not_flood_the_terminal(noted, caplog):
    with caplog.at_level(logging.INFO):
        noted(100 * [OK, WEAK])
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == MAX_TOLD + 1
    assert len(caplog.records) == 200
    assert "run.log" in warnings[-1].getMessage()


def test_a_budget_that_is_used_up_is_told_when_it_happens(noted, caplog):
    with caplog.at_level(logging.WARNING):
        noted(6 * [OK], refused_from=3)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("frame 3: the map's budget of memory is used up at 0 MB")


def test_the_likely_reasons_are_the_first_and_the_commonest(noted):
    reasons = ["", "", "jumps by 0.4 m", *(f"only {k}% meet the map" for k in range(5))]
    assert noted([OK, OK], reasons).troubles() == []
    assert noted([OK, OK, *6 * [LOST]], reasons).troubles() == [
        "lost from frame 2 on: jumps by 0.4 m",
        "5 of 6 lost frames: only 0% meet the map",
    ]
    assert noted([OK, LOST, LOST], ["", "only 3% fit", "only 4% fit"]).troubles() == [
        "lost from frame 1 on: only 3% fit"
    ]


def test_what_was_done_before_counts(noted):
    nan = float("nan")
    records = [FrameRecord(k, k / 30, LOST, nan, nan, nan, nan, nan, nan) for k in range(3)]
    poses = Trajectory(np.array([0.0]), np.eye(4)[None])
    journal = noted([OK, LOST], earlier=Earlier(records, poses, poses))
    assert journal.count(LOST) == 4
    assert journal.num_frames == 2
    assert len(journal.records()) == 5
    np.testing.assert_array_equal(journal.earlier.T_last, np.eye(4))
    assert Earlier().T_last is None
