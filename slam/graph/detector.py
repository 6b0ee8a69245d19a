"""Loops: keyframes that show what one of long ago showed, verified twice."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import radians

import numpy as np

from slam.config import TrackingConfig
from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.graph.pose_graph import Edge
from slam.graph.registration import Evidence, register
from slam.graph.stored_view import StoredView
from slam.places.features import Features
from slam.places.keyframes import Keyframes
from slam.places.recognition import recognise
from slam.tracking.prepare import PreparedFrame

MIN_AGE_S, MIN_PATH_M = 10.0, 3.0  # since an old keyframe; before, the track itself knows better
MIN_MATCHES = 20  # corners that agree on the motion
SAME_M, SAME_RAD = 0.02, radians(1.0)  # by which two loops in a row may differ
IN_A_ROW_S, IN_A_ROW_M = 3.0, 1.5


@dataclass(frozen=True)
class Moment:
    """Where a node is in time and along the path."""

    node: int
    frame_index: int
    timestamp_s: float
    path_m: float
    piece: int = 0  # in the order in which they were begun


@dataclass(frozen=True)
class Loop:
    """A place that was recognised: what became of it, for people and for the graph."""

    edge: Edge
    frame_indices: tuple[int, int]  # the old keyframe's, and the frame's
    num_matches: int
    evidence: Evidence
    offset_m: float  # from where the graph had the frame until then
    offset_deg: float
    refusal: str  # empty where it is accepted

    @property
    def is_accepted(self) -> bool:
        """Whether the graph uses it."""
        return not self.refusal


@dataclass
class _Seen:
    """The keyframes that can be looked for: in the order of `Keyframes.items`, from `first` on."""

    moments: list[Moment] = field(default_factory=list)
    views: list[StoredView] = field(default_factory=list)


@dataclass(frozen=True)
class _Waiting:
    """The last loop that was verified, for one that agrees with it."""

    loop: Loop
    moment: Moment
    is_believed: bool  # by the one before

    def is_confirmed_by(
        self, moment: Moment, loop: Loop, T_world_node: Callable[[int], Transform]
    ) -> bool:
        return _is_in_a_row(self.moment, moment) and _agree(self.loop, loop, T_world_node)


class Detector:
    """Looks in keyframes of long ago for what a new one shows."""

    def __init__(self, keyframes: Keyframes, config: TrackingConfig) -> None:
        self._keyframes = keyframes
        self._first = len(keyframes)  # those of a saved map have no view that is kept
        self._config = config
        self._seen = _Seen()
        self._waiting: _Waiting | None = None

    def keep(self, moment: Moment, prepared: PreparedFrame) -> None:
        """Take note of the keyframe that was added last."""
        self._seen.moments.append(moment)
        self._seen.views.append(StoredView.of(prepared))

    @property
    def nbytes(self) -> int:
        """Bytes of the views that are kept."""
        return sum(view.nbytes for view in self._seen.views)

    def look(
        self,
        moment: Moment,
        features: Features,
        prepared: PreparedFrame,
        T_world_node: Callable[[int], Transform],
    ) -> Sequence[Loop]:
        """Return the loops that a frame decides on: accepted are two at first, the one before and
        its own, then one. A refused one says why.
        """
        num_old = self._num_old(moment)
        candidate = self._candidate(moment, features, prepared, num_old, T_world_node)
        if candidate is None:
            return []
        before, self._waiting = self._waiting, None
        found = [] if before is None or before.is_believed else [before.loop]
        if candidate.is_accepted:
            is_second = before is not None and before.is_confirmed_by(
                moment, candidate, T_world_node
            )
            self._waiting = _Waiting(candidate, moment, is_second)
            if is_second:
                return [*found, candidate]
        unconfirmed = [replace(loop, refusal="no second one in a row agrees") for loop in found]
        return unconfirmed if candidate.is_accepted else [*unconfirmed, candidate]

    def _num_old(self, moment: Moment) -> int:
        """Return how many keyframes are of long ago, or of an earlier piece."""
        moments = self._seen.moments
        by_time = bisect_right(
            moments, moment.timestamp_s - MIN_AGE_S, key=lambda seen: seen.timestamp_s
        )
        by_path = bisect_right(moments, moment.path_m - MIN_PATH_M, key=lambda seen: seen.path_m)
        by_piece = bisect_left(moments, moment.piece, key=lambda seen: seen.piece)
        return max(min(by_time, by_path), by_piece)

    def _candidate(
        self,
        moment: Moment,
        features: Features,
        prepared: PreparedFrame,
        num_old: int,
        T_world_node: Callable[[int], Transform],
    ) -> Loop | None:
        if num_old == 0:
            return None
        found = recognise(
            features, prepared.frame.depth_noise, self._keyframes, among=(self._first, num_old)
        )
        if found is None or found.num_matches < MIN_MATCHES:
            return None
        k = found.number - self._first
        old = self._seen.moments[k]
        T_world_old = T_world_node(old.node)
        view = self._seen.views[k].prepared()
        registration = register(prepared, view, found.T_keyframe_camera, self._config)
        if registration is None:
            return None
        T_old_here = registration.T_view_camera
        T_offset = inverse(T_world_node(moment.node)) @ T_world_old @ T_old_here
        return Loop(
            Edge(old.node, moment.node, T_old_here, registration.information),
            (old.frame_index, moment.frame_index),
            found.num_matches,
            registration.evidence,
            float(np.linalg.norm(T_offset[:3, 3])),
            float(np.degrees(rotation_angle_rad(T_offset[:3, :3]))),
            registration.evidence.doubt,
        )


def _is_in_a_row(before: Moment, now: Moment) -> bool:
    is_near = now.path_m - before.path_m < IN_A_ROW_M
    return is_near and now.timestamp_s - before.timestamp_s < IN_A_ROW_S


def _agree(one: Loop, other: Loop, T_world_node: Callable[[int], Transform]) -> bool:
    """Whether two loops put the second one's frame at the same place."""
    Ts = [
        T_world_node(loop.edge.a) @ loop.edge.T_a_b @ inverse(T_world_node(loop.edge.b))
        for loop in (one, other)
    ]
    here = T_world_node(other.edge.b)
    T = inverse(Ts[0] @ here) @ Ts[1] @ here
    return bool(np.linalg.norm(T[:3, 3]) < SAME_M and rotation_angle_rad(T[:3, :3]) < SAME_RAD)
