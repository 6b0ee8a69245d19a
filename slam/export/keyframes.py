"""Which frames of a run are worth exporting as images."""

from collections.abc import Sequence
from math import radians

from slam.errors import SlamError
from slam.geometry import Transform, is_elsewhere
from slam.journal import FrameRecord
from slam.runs.finished import Run
from slam.runs.replay import posed_records
from slam.tracking.base import TrackState

MIN_MOVE_M = 0.1
MIN_TURN_RAD = radians(10.0)


def every_nth(run: Run, n: int) -> Sequence[FrameRecord]:
    """Return every n-th frame of a run, less those whose pose is weak or lost."""
    if n < 1:
        raise SlamError(f"every n-th frame: n must be at least 1, got {n}")
    return [record for record in run.frames[::n] if record.state is TrackState.OK]


def keyframes(run: Run) -> Sequence[FrameRecord]:
    """Return the first frame with a sure pose, and each that sees something else than the one
    before: moved by 10 cm or turned by 10 degrees.
    """
    chosen: list[FrameRecord] = []
    T_world_keyframe: Transform | None = None
    for record, T_world_camera in posed_records(run, every_nth(run, 1)):
        if T_world_keyframe is None or is_elsewhere(
            T_world_keyframe, T_world_camera, MIN_MOVE_M, MIN_TURN_RAD
        ):
            chosen.append(record)
            T_world_keyframe = T_world_camera
    return chosen
