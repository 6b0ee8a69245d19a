"""The nodes of a run: where the track had them, and where the graph has them by now."""

from dataclasses import dataclass, field, replace
from math import radians

import numpy as np
from jaxtyping import Float64

from slam.geometry import (
    Transform,
    inverse,
    inverses,
    is_elsewhere,
    orthonormalise,
    orthonormalised,
    rotation_angle_rad,
)
from slam.graph.corrections import Corrections
from slam.graph.detector import Moment
from slam.graph.drift import DRIFT, TURN_PER_M
from slam.graph.pose_graph import Edge, Edges
from slam.tracking.pieces import are_apart, beside, pieces_of

NODE_M, NODE_RAD = 0.1, radians(10.0)
FLOOR_M, FLOOR_RAD = 0.001, radians(0.05)  # of what a track may know of its motion
UNKNOWN_M, UNKNOWN_RAD = 100.0, 10.0  # what nobody knows, or the graph would fall apart
MAX_GAP_S = 1.0  # between nodes of a track; a longer one was lost in between
NEAR_M, NEAR_RAD = 1.5, radians(60.0)  # a node that a track which was found again hangs on


@dataclass
class Track:
    """Nodes in the order of time, and the edges of odometry between them."""

    moments: list[Moment] = field(default_factory=list)
    Ts_world_node: list[Transform] = field(default_factory=list)  # as the graph has them
    Ts_in_map: list[Transform] = field(default_factory=list)  # as the map has them
    odometry: list[Edge] = field(default_factory=list)
    _Ts_tracked: list[Transform] = field(default_factory=list)  # as the tracker said
    _begins: list[int] = field(default_factory=list)  # frames, of other worlds
    _piece: int = 0
    _T_last: Transform | None = None  # of the last node, in the tracker's present world
    _corrections: Corrections = field(default_factory=Corrections.none)
    _is_solved: bool = False  # before, nothing is corrected, not by a bit

    def add(
        self, frame_index: int, timestamp_s: float, T_tracked: Transform, uncertainty_m: float
    ) -> Moment:
        """Append a node."""
        node = len(self.moments)
        if self._T_last is None:
            moment = Moment(node, frame_index, timestamp_s, 0.0)
            T_world_node = T_tracked
        else:
            is_aside = self._is_aside(T_tracked, uncertainty_m)
            if is_aside:  # the track goes on, where nothing is mapped
                other, T_here = node - 1, beside(self._T_last, T_tracked)
                T_other_node = inverse(self._T_last) @ T_here
                self._is_solved = True
            else:
                other, T_other_node = self._hold(timestamp_s, T_tracked)
                T_here = T_tracked
            way_m = float(np.linalg.norm((inverse(self._T_last) @ T_here)[:3, 3]))
            information = _information(T_other_node, uncertainty_m)
            gap_s = timestamp_s - self.moments[-1].timestamp_s
            is_tracked = other == node - 1 and gap_s <= MAX_GAP_S
            if are_apart(self._T_last, T_tracked):
                self._begins.append(frame_index)  # no motion is shared by the pieces
                if not is_aside:
                    way_m, is_tracked = 0.0, False
                    self._piece += 1
            if not is_aside and are_apart(self.Ts_in_map[other], T_tracked):
                # nothing says how they lie
                information = np.diag(np.repeat([UNKNOWN_M**-2.0, UNKNOWN_RAD**-2.0], 3))
            path_m = self.moments[-1].path_m + way_m
            moment = Moment(node, frame_index, timestamp_s, path_m, self._piece)
            num_frames = frame_index - self.moments[-1].frame_index if is_tracked else 0
            edge = Edge(other, node, T_other_node, information, num_frames)
            self.odometry.append(edge)
            T_world_node = orthonormalise(self.Ts_world_node[other] @ T_other_node)
        self.moments.append(moment)
        self.Ts_world_node.append(T_world_node)
        self.Ts_in_map.append(T_tracked)
        self._Ts_tracked.append(T_tracked)
        self._T_last = T_tracked
        T_new_tracked = T_world_node @ inverse(T_tracked) if self._is_solved else np.eye(4)
        self._corrections = Corrections(
            np.append(self._corrections.frame_indices, frame_index),
            np.concatenate([self._corrections.Ts_new_tracked, T_new_tracked[None]]),
            np.array(self._begins, np.int64),
        )
        return moment

    def _is_aside(self, T_tracked: Transform, uncertainty_m: float) -> bool:
        """Whether a node is the first of a piece to which the track went on from the last node."""
        assert self._T_last is not None
        if np.isinf(uncertainty_m) or not are_apart(self._T_last, T_tracked):
            return False
        pieces = pieces_of(np.array([*self.Ts_in_map, T_tracked])[:, :3, 3])
        return bool(pieces[-1] not in pieces[:-1])

    def _hold(self, timestamp_s: float, T_tracked: Transform) -> tuple[int, Transform]:
        """Return the node that a new one hangs on, and its pose there: the one before, or after a
        loss the nearest, beside which the track was found again.
        """
        assert self._T_last is not None
        last = len(self.moments) - 1
        is_apart = are_apart(self._T_last, T_tracked)
        if is_apart or timestamp_s - self.moments[-1].timestamp_s > MAX_GAP_S:
            positions_m = np.array([*self.Ts_in_map, T_tracked])[:, :3, 3]
            pieces = pieces_of(positions_m)
            distances_m = np.linalg.norm(positions_m[:-1] - positions_m[-1], axis=1)
            near = int(np.argmin(np.where(pieces[:-1] == pieces[-1], distances_m, np.inf)))
            is_same = bool(pieces[near] == pieces[-1])
            is_near = not is_elsewhere(self.Ts_in_map[near], T_tracked, NEAR_M, NEAR_RAD)
            if is_same and (is_apart or is_near):
                return near, inverse(self.Ts_in_map[near]) @ T_tracked
        return last, inverse(self._T_last) @ T_tracked

    def solved(self, Ts_world_node: Float64[np.ndarray, "n 4 4"]) -> None:
        """Take over the poses of the first nodes; later ones go with the last of them."""
        last = len(Ts_world_node) - 1
        T_new_old = Ts_world_node[last] @ inverse(self.Ts_world_node[last])
        later = [T_new_old @ T for T in self.Ts_world_node[last + 1 :]]
        self.Ts_world_node = [*Ts_world_node, *later]
        Ts_new_tracked = np.array(self.Ts_world_node) @ inverses(np.array(self._Ts_tracked))
        self._corrections = replace(self._corrections, Ts_new_tracked=Ts_new_tracked)
        self._is_solved = True

    def moved(
        self,
        num_nodes: int,
        Ts_new_old: Float64[np.ndarray, "n 4 4"],
        frame_index: int,
        T_now: Transform | None = None,
    ) -> None:
        """Take note that the map was moved after a frame, by the motions of the first nodes, and
        the tracker with it, by `T_now` if not by the last of them.
        """
        T_now = Ts_new_old[-1] if T_now is None else T_now
        motions = [*Ts_new_old, *[Ts_new_old[-1]] * (len(self.Ts_in_map) - num_nodes)]
        self.Ts_in_map = [M @ T for M, T in zip(motions, self.Ts_in_map, strict=True)]
        self._begins.append(frame_index + 1)
        begins = np.array(self._begins, np.int64)
        self._corrections = replace(self._corrections, begins=begins)
        if self._T_last is not None:
            self._T_last = T_now @ self._T_last

    def motions(self) -> Float64[np.ndarray, "n 4 4"]:
        """Return T_new_old of the map round each node: from where it is to where the graph has
        it. They are rigid: what the map is moved by goes into the next motion, doubled.
        """
        return orthonormalised(np.array(self.Ts_world_node) @ inverses(np.array(self.Ts_in_map)))

    def motion_now(
        self, Ts_new_old: Float64[np.ndarray, "n 4 4"], seen: int | None = None
    ) -> Transform:
        """Return T_new_old of the present frame when the map is moved round the first nodes, as the
        graph had them once: as it has the last node by now, relative to a node whose surface is
        `seen` again. That of the last one of then where another piece has begun since.
        """
        last = len(self.Ts_in_map) - 1
        T_in_map, T_world_node = self.Ts_in_map[last], self.Ts_world_node[last]
        if seen is not None:
            T_moved = Ts_new_old[seen] @ self.Ts_in_map[seen]
            T_world_node = T_moved @ inverse(self.Ts_world_node[seen]) @ T_world_node
        is_same = not are_apart(Ts_new_old[-1] @ T_in_map, T_world_node)
        return orthonormalise(T_world_node @ inverse(T_in_map)) if is_same else Ts_new_old[-1]

    def map_off_m(self) -> Float64[np.ndarray, "n"]:
        """Return by how much the map is off the graph, at each node."""
        apart = np.array(self.Ts_world_node) - np.array(self.Ts_in_map)
        return np.linalg.norm(apart.reshape(-1, 4, 4)[:, :3, 3], axis=1)

    def first_aside(self) -> int | None:
        """Return the first node that the map has in another piece than the graph; None if it has
        all in the same.
        """
        in_map, in_graph = (
            pieces_of(np.array(Ts).reshape(-1, 4, 4)[:, :3, 3])
            for Ts in (self.Ts_in_map, self.Ts_world_node)
        )
        apart = np.flatnonzero(in_map != in_graph)
        return int(apart[0]) if len(apart) else None

    def num_pieces(self) -> int:
        """Return how many pieces are left."""
        positions_m = np.array(self.Ts_world_node).reshape(-1, 4, 4)[:, :3, 3]
        return len(np.unique(pieces_of(positions_m)))

    def corrections(self) -> Corrections:
        """Return what the graph makes of the tracked poses."""
        return self._corrections

    def tracked(self) -> Float64[np.ndarray, "n 4 4"]:
        """Return the poses of the nodes as the tracker said."""
        return np.array(self._Ts_tracked).reshape(-1, 4, 4)

    def edges(self) -> Edges:
        """Return the edges of odometry."""
        return Edges.of(self.odometry)


def _information(T_a_b: Transform, uncertainty_m: float) -> Float64[np.ndarray, "6 6"]:
    """Return what a track knows of a motion: as the aligner says, but drift is what it cannot see.

    The aligner's uncertainty is that of the least certain direction.
    """
    way_m, turn_rad = float(np.linalg.norm(T_a_b[:3, 3])), rotation_angle_rad(T_a_b[:3, :3])
    sigma_m = np.hypot(FLOOR_M + DRIFT * way_m, min(uncertainty_m, 1.0))
    sigma_rad = FLOOR_RAD + DRIFT * turn_rad + TURN_PER_M * way_m
    return np.diag(np.repeat([sigma_m**-2.0, sigma_rad**-2.0], 3))
