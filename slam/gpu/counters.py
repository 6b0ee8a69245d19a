"""What a frame leaves on the device for the host to know."""

from typing import Any

import torch

from kernels.cuda.launch import IS_SIMULATED


class Report:
    """Reads a few counters back once the device is through with a frame."""

    def __init__(self, num_counters: int) -> None:
        self._host = torch.zeros(num_counters, dtype=torch.int32, pin_memory=not IS_SIMULATED)

    def wait(self, counters: Any) -> list[int]:
        """Wait for all that was enqueued, without Python's lock, and return counters, int32 (n,).

        So a map's times are those of its work, and not of enqueuing it.
        """
        self._host.copy_(counters, non_blocking=True)
        if not IS_SIMULATED:
            done = torch.cuda.Event()
            done.record()
            done.synchronize()
        return self._host.tolist()
