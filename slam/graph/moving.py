"""Moving a map by what loops say: beside the frames that are fused, and at once in the end."""

import numpy as np
from jaxtyping import Float32

from slam.graph.graph import Move
from slam.graph.loops import AnyLoops
from slam.maps.base import Correction, Map

Swap = tuple[Move, Float32[np.ndarray, "n 3"]]


class Moving:
    """Brings a map to where its loops have it, a slice after each frame.

    `advance` is for the thread that maps. `swap` is for the one that tracks, between two frames and
    while none is being mapped.
    """

    def __init__(self, loops: AnyLoops, map_: Map) -> None:
        self._loops = loops
        self._map = map_
        self._begun: Move | None = None
        self._correction: Correction | None = None
        self.is_ready = False  # to be swapped

    def advance(self) -> None:
        """Do some of the work, if there is any."""
        move = self._loops.move
        if move is not None and move is not self._begun:
            self._begun = move
            self._correction = self._map.correct(move.frame_indices, move.Ts_new_old)
        if self._correction is not None and not self.is_ready:
            self.is_ready = self._correction.advance()

    def swap(self) -> Swap:
        """Take the moved map into use, and return by what it was moved, and points round which it
        changed; only when it is ready.
        """
        assert self._correction is not None
        assert self._begun is not None
        changed = self._correction.swap()
        self._correction, self.is_ready = None, False
        return self._loops.as_of_now(self._begun), changed

    def finish(self) -> Swap | None:
        """Bring the map, which gets no more frames, to where the loops have it by now; return the
        same, None where it was not moved.
        """
        self.advance()
        if self._correction is None:
            return None
        while not self.is_ready:
            self.advance()
        return self.swap()
