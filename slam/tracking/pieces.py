"""Pieces of a map that do not know yet how they lie to each other: far apart, in one world.

Where nothing known is in view, a track goes on in a piece of its own. All pieces are in the same
map, so that whatever joins two of them moves the one to the other, as any correction moves a part.
"""

from math import inf

import numpy as np
from jaxtyping import Float64, Int64

from slam.geometry import Transform

APART_M = 200.0  # along x; single precision still has 15 micrometres there
ANEW_AFTER_S = 1.0  # of being lost, with nothing known in view
MOST_A_FRAME_S = 0.25  # of that: in a gap between frames nothing is looked for
OLD_S = 10.0  # a younger piece has not drifted, nor are loops with it looked for


def pieces_of(positions_m: Float64[np.ndarray, "n 3"]) -> Int64[np.ndarray, "n"]:
    """Return the number of the piece that each position is in; 0 is that of the first frame."""
    return np.rint(positions_m[:, 0] / APART_M).astype(np.int64)


def are_apart(T_world_a: Transform, T_world_b: Transform) -> bool:
    """Whether two poses are in different pieces."""
    a, b = pieces_of(np.stack([T_world_a[:3, 3], T_world_b[:3, 3]]))
    return bool(a != b)


def beside(T_world_a: Transform, T_world_b: Transform) -> Transform:
    """Return where b is in the piece of a, if its own one was set aside from there."""
    a, b = pieces_of(np.stack([T_world_a[:3, 3], T_world_b[:3, 3]]))
    T = T_world_b.copy()
    T[0, 3] -= APART_M * (b - a)
    return T


class Pieces:
    """Where the next piece begins, and whether it is time for one."""

    def __init__(self) -> None:
        self._num = 1
        self._begun_s = inf
        self._last_s = inf
        self._lost_s = 0.0

    def is_due(self, timestamp_s: float) -> bool:
        """Take note of a lost frame; tell whether the track has been lost for long enough."""
        self._lost_s += min(max(timestamp_s - self._last_s, 0.0), MOST_A_FRAME_S)
        self._last_s = timestamp_s
        return bool(self._lost_s >= ANEW_AFTER_S)

    def wait(self) -> None:
        """Take note of a frame that could not begin a piece."""
        self._last_s, self._lost_s = inf, 0.0

    def observe(self, timestamp_s: float) -> None:
        """Take note of a frame that is not lost."""
        self._begun_s = min(self._begun_s, timestamp_s)
        self.wait()

    def is_old(self, timestamp_s: float) -> bool:
        """Tell whether the present piece may be off, and could be joined with the next one."""
        return timestamp_s - self._begun_s >= OLD_S

    def begin(self, rotation: Transform) -> Transform:
        """Return the first pose of the next piece, with the axes of a rotation."""
        T_world_camera = rotation.copy()
        T_world_camera[0, 3] = APART_M * self._num
        self._num += 1
        self._begun_s = inf
        return T_world_camera

    def aside(self, T_world_camera: Transform) -> Transform:
        """Return T_new_old of the world of the next piece, in which a track goes on from a pose as
        if nothing were mapped there.
        """
        (piece,) = pieces_of(T_world_camera[None, :3, 3])
        T_new_old = np.eye(4)
        T_new_old[0, 3] = APART_M * (self._num - piece)
        self._num += 1
        self._begun_s = inf
        return T_new_old


class OnePiece:
    """Begins no other."""

    def is_due(self, timestamp_s: float) -> bool:
        """Return False."""
        return False

    def wait(self) -> None:
        """Do nothing."""

    def observe(self, timestamp_s: float) -> None:
        """Do nothing."""

    def is_old(self, timestamp_s: float) -> bool:
        """Return False."""
        return False

    def begin(self, rotation: Transform) -> Transform:
        """Refuse."""
        raise RuntimeError("there is one piece only")

    def aside(self, T_world_camera: Transform) -> Transform:
        """Refuse."""
        raise RuntimeError("there is one piece only")
