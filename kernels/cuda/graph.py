"""Replaying a sequence of launches at the cost of one (CUDA graphs)."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import ClassVar

import torch

from kernels.cuda.launch import IS_SIMULATED

logger = logging.getLogger(__name__)
_capturing = Lock()
replays = not IS_SIMULATED  # False: every run launches one by one, so that each can be timed


class Graph:
    """Launches that read and write the same tensors every time.

    The first run launches them one by one, which compiles them; the second captures them, and from
    then on they are replayed. What changes from run to run has to be written into their tensors
    before. In the simulator, and once a capture has failed, every run launches them one by one.

    What is launched is told at each run and not kept: who keeps both a graph and its tensors would
    be kept by them, and so would the memory, until Python looks for cycles.
    """

    num_failed: ClassVar[int] = 0  # captures, of all graphs in this process

    def __init__(self) -> None:
        self._num_runs = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self, enqueue: Callable[[], None]) -> None:
        """Do it on the current stream; returns before the device has finished."""
        # torch does not recover: after a capture that failed, others would fail as well
        if self._num_runs == 1 and replays and Graph.num_failed == 0:
            self._graph = _captured(enqueue)
        self._num_runs += 1
        if self._graph is None:
            enqueue()
        else:
            self._graph.replay()


def _captured(enqueue: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
    """Return the launches as a graph; None, with a warning, where that fails."""
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.current_stream()
    try:
        # other threads go on meanwhile; two captures at once would share one stream
        with _capturing, torch.cuda.graph(graph, capture_error_mode="thread_local"):
            enqueue()
    # of torch's, numba's or the driver's making; all that was to be done can be launched
    except Exception as error:
        torch.cuda.set_stream(stream)  # torch leaves its own stream only where all went well
        Graph.num_failed += 1
        cause = error.__context__ or error  # torch's own error hides the one that ended the capture
        logger.warning("no CUDA graphs, so every launch costs its time: %s", cause)
        return None
    return graph
