"""A tracker that takes over what another one finds on the same frames."""

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.base import Tracker, TrackResult


class Leader:
    """Tracks like the tracker that it wraps, and keeps its last result for followers."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self.last: tuple[int, TrackResult] | None = None  # frame index, result

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Estimate T_world_camera of the next frame."""
        result = self._tracker.track(frame, map_)
        self.last = frame.index, result
        return result

    def moved(self, T_new_old: Transform) -> None:
        """Go on in a world that was moved."""
        self._tracker.moved(T_new_old)


class FollowedPoses:
    """Gives each frame the result that its leader had on it just before, whatever the map is."""

    def __init__(self, leader: Leader) -> None:
        self._leader = leader

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Return the leader's result; the leader must have tracked the same frame."""
        if self._leader.last is None or self._leader.last[0] != frame.index:
            raise RuntimeError(f"frame {frame.index} has not been tracked by its leader yet")
        return self._leader.last[1]

    def moved(self, T_new_old: Transform) -> None:
        """Refuse: the poses are the leader's, in its world."""
        raise RuntimeError("a follower's map is not moved")
