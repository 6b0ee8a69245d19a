"""How far readings of this run usually are from the map.

A sensor is stated to be as bad as it may be: what it really does, averaged over a few pixels, is
often a third of that. A robust loss that goes by the statement then takes a thing that begins to
move, by less than that a frame, for noise, and the pose is drawn along. Going by what frames of
this run showed before, the same readings are outliers from the beginning.
"""

from collections import deque

import numpy as np

from slam.camera import DepthNoise

MEMORY = 90  # frames: what moves for less does not change what is usual
MIN_FRAMES = 5
# The map has followed what errors have in common: the scatter about it shows but a part of them.
LEAST = 1.0 / 3.0
UNUSUAL = 1.3  # times what is usual: 1.2 at most while a noisy corridor is mapped


class UsualScatter:
    """The scatter of readings about the map, in the standard deviations that are stated."""

    def __init__(self) -> None:
        self._noise: DepthNoise | None = None
        self._seen: deque[float] = deque(maxlen=MEMORY)
        self._borne_out = 0.0

    def of(self, noise: DepthNoise) -> float:
        """Return what is usual where noise is stated like this: 1 as long as nothing is known, and
        no more than that.
        """
        if noise != self._noise or len(self._seen) < MIN_FRAMES:
            return 1.0
        return float(np.clip(np.median(self._seen), LEAST, 1.0))

    def is_unusual(self, noise: DepthNoise, residual_sigmas: float) -> bool:
        """Tell whether a frame's readings are much farther from the map than those before."""
        if noise != self._noise or len(self._seen) < MIN_FRAMES:
            return False
        return residual_sigmas > UNUSUAL * max(float(np.median(self._seen)), self._borne_out)

    def bear_out(self, residual_sigmas: float) -> None:
        """Take note that nothing speaks against a frame whose readings are so far from the map, and
        so it is for the next ones.
        """
        self._borne_out = residual_sigmas

    def observe(self, noise: DepthNoise, residual_sigmas: float) -> None:
        """Take in the scatter of a frame whose pose is sure."""
        if noise != self._noise:
            self._noise = noise
            self._seen.clear()
        if self._seen and residual_sigmas < UNUSUAL * np.median(self._seen):
            self._borne_out = 0.0
        self._seen.append(residual_sigmas)
