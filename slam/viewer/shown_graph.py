"""The pose graph of one system on the screen: its nodes on the path, and the loops between them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from slam.graph.graph import Moved
from slam.graph.loops import AnyLoops
from slam.viewer import archetypes
from slam.viewer.paths import Path

LOOP_COLOR = (240, 98, 200)


class ShownGraph:
    """Follows the loops of a system. What changed in the graph is drawn again, nothing else."""

    def __init__(self, loops: AnyLoops, color: archetypes.Color) -> None:
        self._loops = loops
        self._color = color
        self._num_moves = 0
        self._drawn = (0, 0, 0)  # nodes, loops and moves

    def moves(self, frame_index: int | None) -> Iterator[Moved]:
        """Yield what has moved the map since the last call: before a frame, which has been taken,
        or at all. The frames before it have to be taken, too.
        """
        for moved in self._loops.moves[self._num_moves :]:
            if frame_index is not None and moved.frame_index >= frame_index:
                break
            self._num_moves += 1
            yield moved

    def changed(self, path: Path) -> Iterator[tuple[str, Any]]:
        """Yield what to draw anew, and under which name."""
        nodes = self._loops.corrections.frame_indices
        pairs = [loop.frame_indices for loop in list(self._loops.found) if loop.is_accepted]
        drawn = len(nodes), len(pairs), self._num_moves
        if drawn == self._drawn:
            return
        self._drawn = drawn
        points, is_known = path.at(nodes)
        yield "nodes", archetypes.points(points[is_known], self._color)
        ends, are_known = path.at(np.array(pairs, np.int64).reshape(-1))
        lines = ends.reshape(-1, 2, 3)[are_known.reshape(-1, 2).all(axis=1)]
        yield "loops", archetypes.lines(lines, LOOP_COLOR)
