"""Trackers that are told the poses: true ones (--use-gt-poses), so that mapping can be judged
alone, or the final ones of a run that is fused again.
"""

from collections.abc import Mapping

import numpy as np

from slam.frame import Frame
from slam.geometry import Transform, inverse
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

    def moved(self, T_new_old: Transform) -> None:
        """Give all poses in the new world."""
        self._T_first_world = T_new_old @ self._T_first_world


class KnownPoses:
    """Gives each frame the T_world_camera that is known of its index."""

    def __init__(self, Ts_world_camera: Mapping[int, Transform]) -> None:
        self._Ts_world_camera = Ts_world_camera

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Return the known pose of a frame; KeyError where there is none."""
        T_world_camera = self._Ts_world_camera[frame.index]
        return TrackResult(T_world_camera, TrackState.OK, "", 0.0, 1.0, 1.0, 0)

    def moved(self, T_new_old: Transform) -> None:
        """Do nothing: these poses are where the map is to be."""
