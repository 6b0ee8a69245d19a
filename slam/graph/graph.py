"""The whole pose graph of a run as it is at one moment: for its folder and its report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

from slam.geometry import Transform
from slam.graph.corrections import Corrections
from slam.graph.detector import Loop
from slam.graph.pose_graph import Edge
from slam.graph.track import UNKNOWN_M, Track
from slam.tracking.pieces import APART_M

CELL_M = 0.4  # of space, in which what moved is told


@dataclass(frozen=True)
class Move:
    """How the world moves round the frames of the graph's nodes."""

    frame_indices: Int64[np.ndarray, "n"]
    Ts_new_old: Float64[np.ndarray, "n 4 4"]
    moved_m: Float64[np.ndarray, "n"]  # how far that is, at the nodes
    keyframe_nodes: tuple[int, ...]  # of the keyframes that were kept until then
    T_latest: Transform | None = None  # T_new_old of the present frame, if it goes otherwise by now

    @property
    def T_now(self) -> Transform:
        """T_new_old of the present frame."""
        return self.Ts_new_old[-1] if self.T_latest is None else self.T_latest


@dataclass(frozen=True)
class Moved:
    """A time that the map was moved: after which frame, how far, and where."""

    frame_index: int
    largest_m: float  # at a node, but for pieces that come together
    has_joined: bool  # whether a piece of map came to another one
    motion: Corrections  # of what was tracked until then
    changed: Float32[np.ndarray, "n 3"]  # centres of cells of space in which anything changed

    @classmethod
    def after(cls, frame_index: int, move: Move, changed: Float32[np.ndarray, "n 3"]) -> "Moved":
        """Take a move, and points round which the map is another now."""
        is_joined = move.moved_m > APART_M / 2
        largest_m = float(move.moved_m[~is_joined].max(initial=0.0))
        motion = Corrections(move.frame_indices, move.Ts_new_old, np.zeros(0, np.int64))
        return cls(frame_index, largest_m, bool(is_joined.any()), motion, _cells(changed))

    @classmethod
    def mended(cls, frame_index: int, changed: Float32[np.ndarray, "n 3"]) -> "Moved":
        """Take points round which the map is another now, though nothing was moved."""
        return cls(frame_index, 0.0, False, Corrections.none(), _cells(changed))

    @classmethod
    def told(cls, frame_index: int, largest_m: float, has_joined: bool) -> "Moved":
        """Return what is kept of one for good."""
        nowhere = np.zeros((0, 3), np.float32)
        return cls(frame_index, largest_m, has_joined, Corrections.none(), nowhere)

    def in_short(self) -> "Moved":
        """Return what is kept of it for good."""
        return self.told(self.frame_index, self.largest_m, self.has_joined)


def _cells(points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "k 3"]:
    """Return the centres of the cells that points lie in."""
    cells = np.unique(np.floor(points / CELL_M), axis=0)
    return ((cells + 0.5) * CELL_M).astype(np.float32)


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of time, what holds them together, and what became of it."""

    frame_indices: Int64[np.ndarray, "n"]
    timestamps_s: Float64[np.ndarray, "n"]
    Ts_tracked: Float64[np.ndarray, "n 4 4"]  # T_world_camera as the tracker said
    Ts_world_node: Float64[np.ndarray, "n 4 4"]  # as the graph has it
    odometry: Sequence[Edge]
    loops: Sequence[Loop]  # accepted and refused
    moves: Sequence[Moved]

    @classmethod
    def none(cls) -> "Graph":
        """Return that of a run without nodes."""
        no_poses = np.zeros((0, 4, 4))
        return cls(np.zeros(0, np.int64), np.zeros(0), no_poses, no_poses, (), (), ())

    @classmethod
    def of(
        cls,
        track: Track,
        corrections: Corrections,
        loops: Sequence[Loop],
        moves: Sequence[Moved],
    ) -> "Graph":
        """Return that of a track which another thread may append to, up to its corrections."""
        num = len(corrections.frame_indices)
        Ts_tracked = track.tracked()[:num]
        return cls(
            corrections.frame_indices,
            np.array([moment.timestamp_s for moment in track.moments[:num]], np.float64),
            Ts_tracked,
            corrections.Ts_new_tracked @ Ts_tracked,
            [edge for edge in list(track.odometry) if edge.b < num],
            [loop for loop in loops if loop.edge.b < num],
            moves,
        )

    def __len__(self) -> int:
        return len(self.frame_indices)

    @property
    def accepted(self) -> list[Loop]:
        """The loops that are used."""
        return [loop for loop in self.loops if loop.is_accepted]

    def counts(self) -> dict[str, Any]:
        """Return what metrics say of it."""
        offsets_m = [loop.offset_m for loop in self.accepted if loop.offset_m < APART_M / 2]
        return {
            "accepted": len(self.accepted),
            "refused": len(self.loops) - len(self.accepted),
            "moves": len(self.moves),
            "nodes": len(self),
            "largest_offset_m": max(offsets_m, default=0.0),
        }

    def before(self) -> Float64[np.ndarray, "n 4 4"]:
        """Return where the nodes were without loops: T_world_camera by odometry alone. Where a new
        piece of map begins, of which odometry knows nothing, it starts where the graph has it.
        """
        Ts: list[Transform] = []
        held = {edge.b: edge for edge in self.odometry}
        for node, T_world_node in enumerate(self.Ts_world_node):
            edge = held.get(node)
            is_open = edge is None or edge.information[0, 0] < 2.0 * UNKNOWN_M**-2.0
            Ts.append(T_world_node if edge is None or is_open else Ts[edge.a] @ edge.T_a_b)
        return np.array(Ts).reshape(-1, 4, 4)

    def until(self, frame_index: int) -> "Graph":
        """Return the part of a run's frames up to one."""
        num = int(np.searchsorted(self.frame_indices, frame_index, side="right"))
        return Graph(
            self.frame_indices[:num],
            self.timestamps_s[:num],
            self.Ts_tracked[:num],
            self.Ts_world_node[:num],
            [edge for edge in self.odometry if edge.b < num],
            [loop for loop in self.loops if loop.edge.b < num],
            [moved for moved in self.moves if moved.frame_index <= frame_index],
        )

    def followed_by(self, other: "Graph") -> "Graph":
        """Return both as one, in which no edge joins the two."""
        num = len(self)

        def later(edge: Edge) -> Edge:
            return replace(edge, a=edge.a + num, b=edge.b + num)

        return Graph(
            np.concatenate([self.frame_indices, other.frame_indices]),
            np.concatenate([self.timestamps_s, other.timestamps_s]),
            np.concatenate([self.Ts_tracked, other.Ts_tracked]),
            np.concatenate([self.Ts_world_node, other.Ts_world_node]),
            [*self.odometry, *(later(edge) for edge in other.odometry)],
            [*self.loops, *(replace(loop, edge=later(loop.edge)) for loop in other.loops)],
            [*self.moves, *other.moves],
        )
