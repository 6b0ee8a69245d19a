"""How much of the keyframe usually looks the same from a pose of this run.

Intensity has many minima: after a fast motion an alignment can come to rest a few pixels beside
the pose, where the map's surface bears it out as well (a desk's top may slide along itself), and
the equations, linear there, call it certain to a tenth of a millimetre. That the pixels look less
alike than they did in the frames before is what tells such a pose from a right one.
"""

from collections import deque

import numpy as np

MEMORY = 30  # frames: blur and exposure come and go
LEAST_DROP = 0.06  # below what is usual, that means nothing
SIGMAS = 3.0  # of what is usual, the same
BETTER = 0.05  # by which more looks the same from a pose that is worth an alignment


class UsualLikeness:
    """The share of the keyframe's pixels that look the same, in the frames of late."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=MEMORY)
        self._borne_out: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there was a frame with colour whose pose was sure."""
        return bool(self._seen)

    def is_usual(self, likeness: float | None) -> bool:
        """Tell whether a share is about what it was before; yes as long as nothing is known."""
        if likeness is None or self._borne_out is None:
            return self._is_common(likeness)
        return bool(likeness > self._borne_out - LEAST_DROP) or self._is_common(likeness)

    def bear_out(self, likeness: float | None) -> None:
        """Take note that no pose was found from which a view looks more alike: blur, exposure or
        what moved is why, and so it is for the next views that look as much alike.
        """
        self._borne_out = likeness

    def observe(self, likeness: float | None) -> None:
        """Take in the share of a frame whose pose is sure."""
        if likeness is not None:
            if self._is_common(likeness):
                self._borne_out = None
            self._seen.append(likeness)

    def _is_common(self, likeness: float | None) -> bool:
        """Tell the same, whatever was looked at twice."""
        if likeness is None or not self._seen:
            return True
        usual = float(np.median(self._seen))
        spread = 1.4826 * float(np.median(np.abs(np.array(self._seen) - usual)))
        return bool(likeness > usual - max(LEAST_DROP, SIGMAS * spread))
