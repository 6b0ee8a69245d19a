"""What closes no loops, for runs that did not ask for any."""

from typing import Any

import numpy as np
from jaxtyping import Float32

from slam.frame import PosedFrame
from slam.graph.corrections import Corrections
from slam.graph.detector import Loop
from slam.graph.graph import Graph, Move, Moved
from slam.maps.base import View
from slam.places.keyframes import Keyframe


class NoLoops:
    """Closes nothing."""

    corrections = Corrections.none()
    found: tuple[Loop, ...] = ()
    moves: tuple[Moved, ...] = ()
    move: Move | None = None

    def follow(self, posed: PosedFrame, keyframe: Keyframe | None) -> None:
        """Do nothing."""

    def as_of_now(self, move: Move) -> Move:
        """Return it as it is."""
        return move

    def moved(self, move: Move, changed: Float32[np.ndarray, "n 3"], frame_index: int) -> None:
        """Do nothing."""

    def mended(self, changed: Float32[np.ndarray, "n 3"], frame_index: int) -> None:
        """Do nothing."""

    def views(self) -> tuple[View, ...]:
        """Return none."""
        return ()

    def finish(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def metrics(self) -> dict[str, Any]:
        """Return none."""
        return {}

    def graph(self) -> Graph:
        """Return the graph of none."""
        return Graph.none()
