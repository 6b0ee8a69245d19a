"""Lines that grow with a run."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

PIECE = 256  # points that are sent again with each new one


class Path:
    """A growing line, in pieces, of which only the last one is sent again."""

    def __init__(self) -> None:
        self._points: list[np.ndarray] = []
        self._num_shown = 0

    def add(self, position_m: np.ndarray) -> None:
        """Go on to a position."""
        self._points.append(position_m.astype(np.float32))

    def changed(self) -> Iterator[tuple[int, Float32[np.ndarray, "n 3"]]]:
        """Yield number and points of the pieces that grew since the last call; each begins at the
        last point of the one before.
        """
        if len(self._points) == self._num_shown:
            return
        for piece in range(self._num_shown // PIECE, (len(self._points) - 1) // PIECE + 1):
            start = piece * PIECE
            yield piece, np.array(self._points[max(0, start - 1) : start + PIECE])
        self._num_shown = len(self._points)
