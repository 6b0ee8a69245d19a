"""How many steps of training a frame's time budget has room for, on a device that works later."""

import math
from collections.abc import Callable
from typing import Any

import torch

from kernels.cuda.launch import IS_SIMULATED


class Pace:
    """Times a frame on the device by events, and plans the next one by it.

    The host enqueues a frame's work whole, so it cannot look at a clock between two steps as on the
    CPU. Until a frame has been timed, and always in the simulator, all steps are taken.
    """

    def __init__(self, new_event: Callable[[], Any] | None = None) -> None:
        self._new_event = new_event or _timing_event
        self._fuse_ms = self._step_ms = 0.0
        self._marks: list[Any] = []

    def mark(self) -> None:
        """Note the device's time: before fusion, before the first step and after the last."""
        self._marks.append(self._new_event())
        self._marks[-1].record()

    def planned(self, most: int, budget_ms: float) -> int:
        """Return how many steps to take: those that begin within the budget, one at least."""
        if self._step_ms <= 0.0 or math.isinf(budget_ms):
            return most
        return min(most, max(1, math.ceil((budget_ms - self._fuse_ms) / self._step_ms)))

    def finish(self, num_steps: int) -> None:
        """End a frame, after three marks, in which so many steps were taken; the device must be
        through with it.
        """
        start, fused, end = self._marks
        self._marks = []
        if num_steps > 0:
            self._fuse_ms = start.elapsed_time(fused)
            self._step_ms = fused.elapsed_time(end) / num_steps


class _NoEvent:
    """The simulator's: no time passes in it."""

    def record(self) -> None:
        pass

    def elapsed_time(self, later: "_NoEvent") -> float:
        return 0.0


def _timing_event() -> Any:
    return _NoEvent() if IS_SIMULATED else torch.cuda.Event(enable_timing=True)
