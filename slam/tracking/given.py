"""A tracker that is told the poses: for --use-gt-poses, so that mapping can be judged alone."""

import numpy as np

from slam.frame import Frame
from slam.geometry import inverse
from slam.maps.base import Map
from slam.tracking.base import TrackResult, TrackState
from slam.trajectory import Trajectory, associate


class GivenPoses:
    """Looks poses up by time stamp (20 ms), in the frame of the first one; LOST where there is
    none.
    """

    def __init__(self, poses: Trajectory) -> None:
        self._poses = poses
        self._T_first_world = inverse(poses.Ts_world_camera[0])

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Return the given pose of a frame."""
        _, found = associate(np.array([frame.timestamp_s]), self._poses.timestamps_s)
        if len(found) == 0:
            reason = f"no given pose within 20 ms of {frame.timestamp_s:.3f} s"
            return TrackResult(np.eye(4), TrackState.LOST, reason, 0.0, 0.0, 0.0, 0)
        T = self._T_first_world @ self._poses.Ts_world_camera[found[0]]
        return TrackResult(T, TrackState.OK, "", 0.0, 1.0, 1.0, 0)
