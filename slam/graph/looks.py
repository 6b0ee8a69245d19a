"""When frames are compared with known places: often enough, and in a share of the processors."""

import time
from collections.abc import Callable

import numpy as np

from kernels.threads import NUM_THREADS

EVERY_S = 1.0  # where no new keyframe is made; each new one is looked for
SHARE = 0.05  # of all cores; beyond, only new keyframes are looked for


class Looks:
    """Says which frames are looked for.

    `is_due` is for the thread that maps, `has_time` for the one that looks, whose time it counts.
    In turns there always is time, so that what is found depends on the frames alone.
    """

    def __init__(
        self,
        is_in_turns: bool,
        now_s: Callable[[], float] = time.perf_counter,
        used_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._is_in_turns = is_in_turns
        self._now_s, self._used_s = now_s, used_s
        self._start_s = now_s()
        self._last_s = -np.inf

    def is_due(self, timestamp_s: float, is_keyframe: bool) -> bool:
        """Tell whether a frame of this time is to be looked for, and take it as done."""
        is_due = is_keyframe or timestamp_s - self._last_s > EVERY_S
        if is_due:
            self._last_s = timestamp_s
        return is_due

    def has_time(self, is_keyframe: bool) -> bool:
        """Tell whether to look after all. A keyframe may close a loop of a place that was not seen
        again before; where none is made, loops before and after say about the same.
        """
        if self._is_in_turns or is_keyframe:
            return True
        wall_s = self._now_s() - self._start_s
        return self._used_s() < SHARE * NUM_THREADS * wall_s
