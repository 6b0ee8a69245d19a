"""The loops that a run has found, and what its graph has said of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from slam.graph.detector import Loop
from slam.graph.pose_graph import Edges, Solution

MOST_REFUSALS = 5  # of a loop, by the graph


class Findings:
    """Loops in the order in which they were found.

    The graph is asked about all that the detector has verified, also about such as it refused
    before, since too few may speak for a large drift at first. One that it refused a few times in
    a row it is not asked about again until the end.
    """

    def __init__(self) -> None:
        self.loops: list[Loop] = []  # accepted and refused
        self.is_contradicted = False  # the last one that was asked about
        self._num_refusals: dict[int, int] = {}  # in a row, of those that the detector has verified

    def add(self, loops: Sequence[Loop]) -> Loop | None:
        """Take in what the detector has found; return the last one that it has verified."""
        first = len(self.loops)
        verified = [first + k for k, loop in enumerate(loops) if loop.is_accepted]
        self._num_refusals |= dict.fromkeys(verified, 0)
        self.loops += loops
        return self.loops[verified[-1]] if verified else None

    def asked(self, is_over: bool) -> list[int]:
        """Return the numbers of the loops that the graph is to be asked about."""
        numbers = self._num_refusals.items()
        return [number for number, num in numbers if num < MOST_REFUSALS or is_over]

    def edges(self, asked: Sequence[int]) -> Edges:
        """Return the edges of some loops."""
        return Edges.of([self.loops[number].edge for number in asked])

    def judge(self, asked: Sequence[int], solution: Solution) -> None:
        """Refuse those of the loops asked about that the rest of the graph contradicts, also such
        that were used before, and take back those that it bears out by now.
        """
        loops = list(self.loops)
        for k, number in enumerate(asked):
            off = f"{np.sqrt(solution.squared_sigmas[k]):.3g} sigmas"
            refusal = f"the rest of the graph contradicts it by {off}"
            refusal = "" if solution.is_kept[k] else refusal
            self._num_refusals[number] = self._num_refusals[number] + 1 if refusal else 0
            loops[number] = replace(loops[number], refusal=refusal)
        self.loops = loops
        self.is_contradicted = not solution.is_kept[-1:].all()

    def seen_again(self, num_nodes: int, since: int) -> int | None:
        """Return which of the first nodes a later one, not before `since`, saw again last."""
        accepted = (loop.edge for loop in self.loops if loop.is_accepted)
        seen = [edge.a for edge in accepted if edge.a < num_nodes and edge.b >= since]
        return seen[-1] if seen else None

    def has_accepted(self, since: int) -> bool:
        """Tell whether a loop of a node, not before `since`, is accepted."""
        return any(loop.is_accepted and loop.edge.b >= since for loop in self.loops)
