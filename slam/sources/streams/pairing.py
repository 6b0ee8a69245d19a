"""Which colour belongs to which depth."""

from dataclasses import replace

from slam.sources.realsense.raw_frame import Delivery, RawColor, RawFrame

_MAX_SKEW_PERIODS = 0.6  # between depth and colour; more is the colour of another frame
_MAX_FRAMES_WITHOUT_COLOR = 3  # frames in a row without colour, after which none is waited for


class Pairing:
    """Joins depth with the colour of the same time, for which it waits no longer than a frame.

    The SDK's own pairing is not relied on. It delivers what it has when either stream brings
    something new (depth n with colour n - 1, then depth n again with its own), repeats the last
    colour when that stream has stopped, and pairs nothing while a device's clock is far from the
    computer's.
    """

    def __init__(self, has_color: bool, fps: float) -> None:
        self._max_skew_s = _MAX_SKEW_PERIODS / max(fps, 1.0)
        self._held: RawFrame | None = None
        self._last: RawFrame | None = None  # delivered without colour
        self._color: RawColor | None = None
        self._num_without = 0 if has_color else _MAX_FRAMES_WITHOUT_COLOR

    def next(self, delivery: Delivery | None) -> list[RawFrame]:
        """Return what is ready now that this came, or nothing did."""
        ready: list[RawFrame] = []
        if delivery is None:
            return self._released(ready)
        if delivery.color is not None:
            self._color = delivery.color
            if self._last is not None and self._is_of_same_time(self._last, self._color):
                self._num_without = 0  # it came too late: the next is waited for
        if delivery.depth is not None:
            if self._held is not None and self._held.number != delivery.depth.number:
                self._released(ready)
            self._held = delivery.depth
        if self._held is not None and self._color is not None:
            if self._is_of_same_time(self._held, self._color):
                ready.append(replace(self._held, color=self._color.pixels))
                self._held, self._last, self._num_without = None, None, 0
        if self._held is not None and self._num_without >= _MAX_FRAMES_WITHOUT_COLOR:
            self._released(ready)
        return ready

    def _released(self, ready: list[RawFrame]) -> list[RawFrame]:
        """Give up the colour of the frame that is held."""
        if self._held is not None:
            ready.append(self._held)
            self._num_without += 1
            self._last, self._held = self._held, None
        return ready

    def _is_of_same_time(self, depth: RawFrame, color: RawColor) -> bool:
        is_comparable = depth.clock == color.clock
        return is_comparable and abs(depth.timestamp_s - color.timestamp_s) <= self._max_skew_s
