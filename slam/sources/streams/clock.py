"""One time line from the time stamps of a device, which may repeat, jump or start anew."""

import logging

from slam.sources.realsense.raw_frame import RawFrame

logger = logging.getLogger(__name__)
_MAX_LATE_FRAMES = 16  # no queue of the SDK holds more
MAX_GAP_S = 10.0  # forward, between frames that arrive one after the other; more is another clock


class FrameClock:
    """Gives each frame a time that increases, and an index that counts what is missing.

    Where a device's clock jumps (it was reset, 32 bits of microseconds ran over, the SDK began to
    translate it to the computer's time), the time line goes on by the time that passed on this
    computer if the device is live, and by the frame rate if it is a recording.
    """

    def __init__(self, fps: float, is_live: bool) -> None:
        self.num_missing = 0  # by the gaps in the frame numbers
        self.num_repeated = 0
        self.num_jumps = 0
        self._period_s = 1.0 / max(fps, 1.0)
        self._is_live = is_live
        self._last: RawFrame | None = None
        self._last_index = -1
        self._last_time_s = 0.0

    def place(self, frame: RawFrame) -> tuple[int, float] | None:
        """Return index and time in seconds of the next frame; None for one that came before."""
        last = self._last
        if last is None:
            self._accept(frame, 0, frame.timestamp_s)
            return self._last_index, self._last_time_s
        if _came_before(frame, last):
            self.num_repeated += 1
            return None
        is_restart = frame.number < last.number  # the device counts from the start again
        num_steps = 1 if is_restart else frame.number - last.number
        step_s = frame.timestamp_s - last.timestamp_s
        arrival_step_s = frame.arrival_s - last.arrival_s
        allowed_s = MAX_GAP_S + (arrival_step_s if self._is_live else num_steps * self._period_s)
        if frame.clock != last.clock or not 0.0 < step_s < allowed_s:
            self.num_jumps += 1
            elapsed_s = arrival_step_s if self._is_live else num_steps * self._period_s
            logger.warning(
                "frame %d: the device's clock went from %.3f s (%s) to %.3f s (%s); counting on",
                frame.number,
                last.timestamp_s,
                last.clock,
                frame.timestamp_s,
                frame.clock,
            )
            step_s = max(elapsed_s, 1e-3)
        self.num_missing += num_steps - 1
        self._accept(frame, self._last_index + num_steps, self._last_time_s + step_s)
        return self._last_index, self._last_time_s

    def _accept(self, frame: RawFrame, index: int, time_s: float) -> None:
        self._last, self._last_index, self._last_time_s = frame, index, time_s


def _came_before(frame: RawFrame, last: RawFrame) -> bool:
    """Whether this is the last frame again, or an older one that was overtaken."""
    is_recent = last.number - _MAX_LATE_FRAMES < frame.number <= last.number
    return is_recent and last.timestamp_s - 1.0 < frame.timestamp_s <= last.timestamp_s
