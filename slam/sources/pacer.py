"""When the frames of a recording are due."""

from collections.abc import Callable


class NoPacer:
    """As fast as the consumer takes them."""

    def is_late(self, stamp_s: float) -> bool:
        """Whether a frame comes too late: never."""
        return False

    def wait_for(self, stamp_s: float) -> None:
        """Wait for nothing."""


class Pacer:
    """The clock of a recording, which starts when the first frame is delivered."""

    def __init__(
        self,
        period_s: float,
        now_s: Callable[[], float],
        sleep_s: Callable[[float], object],
    ) -> None:
        self._period_s = period_s
        self._now_s = now_s
        self._sleep_s = sleep_s
        self._offset_s: float | None = None

    def is_late(self, stamp_s: float) -> bool:
        """Whether a frame of this time is more than a period late."""
        return (
            self._offset_s is not None and self._now_s() > stamp_s + self._offset_s + self._period_s
        )

    def wait_for(self, stamp_s: float) -> None:
        """Sleep until a frame of this time is due; the first one starts the clock."""
        if self._offset_s is None:
            self._offset_s = self._now_s() - stamp_s
        delay_s = stamp_s + self._offset_s - self._now_s()
        if delay_s > 0:
            self._sleep_s(delay_s)
