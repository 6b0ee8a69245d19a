"""Keeps a frame rate: while frames take too long, maps leave out work that can be left out."""

import time
from collections.abc import Callable

from slam.viewer.base import Snapshot

SMOOTHING = 0.1  # weight of the newest frame in the mean duration
GAIN = 0.3  # of the effort, a frame, by a duration that is wrong by its own length
LONGEST_S = 0.5  # a pause is not a slow frame


class EffortKeeper:
    """Watches a session and sets the effort of its maps so that it holds `min_fps`.

    Integral control of the smoothed duration of a frame: what training a frame needs is not known,
    and differs between machines and scenes.
    """

    def __init__(self, min_fps: float, now_s: Callable[[], float] = time.perf_counter) -> None:
        self.effort = 1.0
        self._target_s = 1.0 / min_fps
        self._now_s = now_s
        self._last_s: float | None = None
        self._mean_s = self._target_s

    def __call__(self, snapshot: Snapshot) -> None:
        """Take note of a finished frame."""
        now_s = self._now_s()
        if self._last_s is not None:
            duration_s = min(now_s - self._last_s, LONGEST_S)
            self._mean_s += SMOOTHING * (duration_s - self._mean_s)
            change = GAIN * (1.0 - self._mean_s / self._target_s)
            self.effort = min(1.0, max(0.0, self.effort + change))
            for system in snapshot.systems:
                system.map.set_effort(self.effort)
        self._last_s = now_s
