"""Which frames of a run are worth exporting as images."""

from collections.abc import Sequence
from math import radians

from slam.errors import SlamError
from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.runs.folder import FrameRecord, Run
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
    T_keyframe_world: Transform | None = None
    for record, T_world_camera in posed_records(run, every_nth(run, 1)):
        if T_keyframe_world is None or _is_elsewhere(T_keyframe_world @ T_world_camera):
            chosen.append(record)
            T_keyframe_world = inverse(T_world_camera)
    return chosen


def _is_elsewhere(T_keyframe_camera: Transform) -> bool:
    x, y, z = map(float, T_keyframe_camera[:3, 3])
    has_moved = x * x + y * y + z * z > MIN_MOVE_M**2
    return has_moved or rotation_angle_rad(T_keyframe_camera[:3, :3]) > MIN_TURN_RAD
