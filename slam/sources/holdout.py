"""Which frames are kept from the map: some to score its rendering with, or all to localise only."""

import sys
from dataclasses import dataclass

from slam.errors import SlamError

EVERY_FRAME = range(sys.maxsize)


@dataclass(frozen=True)
class HeldOut:
    """The indices of every n-th of the frames that a stride leaves; 0 = none.

    They do not depend on which frames are dropped or bad.
    """

    every: int
    stride: int = 1

    def __post_init__(self) -> None:
        if self.every < 0 or self.every == 1:
            raise SlamError(f"holdout must be 0 (none) or at least 2, got {self.every}")

    def __contains__(self, index: int) -> bool:
        return self.every > 0 and index // self.stride % self.every == self.every // 2
