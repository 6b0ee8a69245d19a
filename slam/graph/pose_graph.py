"""Nodes and edges of a pose graph, as arrays, and what solves one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int64

from slam.geometry import Transform


@dataclass(frozen=True)
class Edge:
    """What was measured between two nodes: T_a_b, and the information of its error, a twist in b's
    frame.
    """

    a: int
    b: int
    T_a_b: Transform
    information: Float64[np.ndarray, "6 6"]
    num_frames: int = 0  # over which it was tracked, one after the other; a loop was not


@dataclass(frozen=True)
class Edges:
    """Many edges, stacked."""

    a: Int64[np.ndarray, "e"]
    b: Int64[np.ndarray, "e"]
    Ts_a_b: Float64[np.ndarray, "e 4 4"]
    information: Float64[np.ndarray, "e 6 6"]
    num_frames: Int64[np.ndarray, "e"]

    @classmethod
    def of(cls, edges: Sequence[Edge]) -> "Edges":
        """Stack edges."""
        return cls(
            np.array([edge.a for edge in edges], np.int64),
            np.array([edge.b for edge in edges], np.int64),
            np.array([edge.T_a_b for edge in edges], np.float64).reshape(-1, 4, 4),
            np.array([edge.information for edge in edges], np.float64).reshape(-1, 6, 6),
            np.array([edge.num_frames for edge in edges], np.int64),
        )

    def __len__(self) -> int:
        return len(self.a)

    def where(self, is_kept: Bool[np.ndarray, "e"]) -> "Edges":
        """Return some of them."""
        return Edges(
            self.a[is_kept],
            self.b[is_kept],
            self.Ts_a_b[is_kept],
            self.information[is_kept],
            self.num_frames[is_kept],
        )

    def followed_by(self, other: "Edges") -> "Edges":
        """Return both, one after the other."""
        return Edges(
            np.concatenate([self.a, other.a]),
            np.concatenate([self.b, other.b]),
            np.concatenate([self.Ts_a_b, other.Ts_a_b]),
            np.concatenate([self.information, other.information]),
            np.concatenate([self.num_frames, other.num_frames]),
        )


@runtime_checkable
class Solver(Protocol):
    """Finds the poses that fit all edges best."""

    def __call__(
        self, Ts_world_node: Float64[np.ndarray, "n 4 4"], odometry: Edges, loops: Edges
    ) -> "Solution":
        """Move all nodes but the first, and tell which loops the others contradict."""
        ...


@dataclass(frozen=True)
class Solution:
    """The poses of all nodes, and which loops they are made with."""

    Ts_world_node: Float64[np.ndarray, "n 4 4"]
    is_kept: Bool[np.ndarray, "l"]  # of the loops
    squared_sigmas: Float64[np.ndarray, "l"]  # residual of each loop, 6 for one as it should be
