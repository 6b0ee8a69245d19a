"""Waiting, for no longer than a frame, for colour that comes after its depth."""

from slam.sources.realsense.raw_frame import RawFrame


class Pairing:
    """Holds back a frame without colour until the next one shows whether its colour is to come.

    The SDK delivers what it has when either stream brings something new: depth n with the colour of
    n - 1, then depth n again with its own.
    """

    def __init__(self, has_color: bool) -> None:
        self._has_color = has_color
        self._held: RawFrame | None = None

    def next(self, frame: RawFrame | None) -> list[RawFrame]:
        """Return what is ready now that this came, or nothing did."""
        ready = []
        if self._held is not None and (frame is None or frame.number != self._held.number):
            ready.append(self._held)
        self._held = None
        if frame is not None and frame.color is None and self._has_color:
            self._held = frame
        elif frame is not None:
            ready.append(frame)
        return ready
