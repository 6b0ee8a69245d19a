"""Replaying a sequence of launches at the cost of one (CUDA graphs)."""

import logging
import threading
from collections.abc import Callable

import torch

from kernels.cuda.launch import IS_SIMULATED

logger = logging.getLogger(__name__)
_capturing = threading.Lock()
replays = not IS_SIMULATED  # False: every run launches one by one, so that each can be timed


class Graph:
    """Launches that read and write the same tensors every time.

    The first run launches them one by one, which compiles them; the second captures them, and from
    then on they are replayed. What changes from run to run has to be written into their tensors
    before. In the simulator, and where capturing fails, every run launches them one by one.
    """

    def __init__(self, enqueue: Callable[[], None]) -> None:
        self._enqueue = enqueue
        self._num_runs = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self) -> None:
        """Do it on the current stream; returns before the device has finished."""
        if self._num_runs == 1 and replays:
            self._capture()
        self._num_runs += 1
        if self._graph is None:
            self._enqueue()
        else:
            self._graph.replay()

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            # other threads go on meanwhile; two captures at once would share one stream
            with _capturing, torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self._enqueue()
        except RuntimeError as error:
            logger.warning("no CUDA graph, so every launch costs its time: %s", error)
            return
        self._graph = graph
