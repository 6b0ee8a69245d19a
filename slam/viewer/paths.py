"""Lines that grow with a run, and that loops may move."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float32, Int64

from slam.graph.graph import Moved

PIECE = 256  # points that are sent again with each new one


class Path:
    """A growing line, in pieces, of which only the last one is sent again."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._frames: list[int] = []
        self._num_shown = 0

    def add(self, frame_index: int, position_m: np.ndarray) -> None:
        """Go on to the position of a frame."""
        self._points.append(position_m.astype(np.float32))
        self._frames.append(frame_index)

    def move(self, moved: Moved) -> None:
        """Move what was tracked before a correction with it; all of it is sent again."""
        num = int(np.searchsorted(self._frames, moved.frame_index, side="right"))
        Ts = moved.motion.applied(self._frames[:num], np.tile(np.eye(4), (num, 1, 1)))
        self._points[:num] = [
            (T[:3, :3] @ point + T[:3, 3]).astype(np.float32)
            for T, point in zip(Ts, self._points, strict=False)
        ]
        self._num_shown = 0

    def at(
        self, frame_indices: Int64[np.ndarray, "n"]
    ) -> tuple[Float32[np.ndarray, "n 3"], Bool[np.ndarray, "n"]]:
        """Return the positions of frames, and which of them are on the path."""
        if not self._frames:
            return np.zeros((len(frame_indices), 3), np.float32), np.zeros(len(frame_indices), bool)
        frames = np.array(self._frames)
        k = np.minimum(np.searchsorted(frames, frame_indices), len(frames) - 1)
        return np.array(self._points)[k], frames[k] == frame_indices

    def changed(self) -> Iterator[tuple[int, Float32[np.ndarray, "n 3"]]]:
        """Yield number and points of the pieces that grew or moved since the last call; each begins
        at the last point of the one before.
        """
        if len(self._points) == self._num_shown:
            return
        for piece in range(self._num_shown // PIECE, (len(self._points) - 1) // PIECE + 1):
            start = piece * PIECE
            yield piece, np.array(self._points[max(0, start - 1) : start + PIECE])
        self._num_shown = len(self._points)
