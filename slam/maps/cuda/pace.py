"""How many steps of training a frame's time budget has room for, on a device that works later."""

import math

import torch

from kernels.cuda.arrays import DEVICE


class Pace:
    """Takes the times of frames on the device by events and plans the next frames by them.

    The host only enqueues and never waits for the device, so it cannot watch a clock between two
    steps as on the CPU. It plans with the last frame whose times are known instead, a few frames
    ago. Until there is one, and in the simulator, all steps are taken.
    """

    def __init__(self) -> None:
        self._fuse_ms = self._step_ms = 0.0
        self._frame: tuple[list[torch.cuda.Event], int] | None = None  # that is being timed
        self._marks: list[torch.cuda.Event] = []

    def mark(self) -> None:
        """Note the device's time: before fusion, before the first step and after the last."""
        if DEVICE.type == "cpu":  # the simulator
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self._marks.append(event)

    def planned(self, most: int, budget_ms: float) -> int:
        """Return how many steps to take: as many as begin within the budget, one at least."""
        self._read()
        if self._step_ms == 0.0 or math.isinf(budget_ms):
            return most
        return max(min(most, 1), min(most, math.ceil((budget_ms - self._fuse_ms) / self._step_ms)))

    def finish(self, num_steps: int) -> None:
        """End a frame of three marks, in which so many steps were taken."""
        if self._frame is None and num_steps > 0 and self._marks:
            self._frame = (self._marks, num_steps)
        self._marks = []

    def _read(self) -> None:
        """Take over the times of the frame that is being timed, if the device is through it."""
        if self._frame is not None and self._frame[0][-1].query():
            (start, fused, end), num_steps = self._frame
            self._fuse_ms = start.elapsed_time(fused)
            self._step_ms = fused.elapsed_time(end) / num_steps
            self._frame = None
