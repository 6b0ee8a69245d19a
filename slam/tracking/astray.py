"""How far a track may have gone astray over frames of which the map got none."""

from math import hypot

from slam.tracking.base import TrackResult, TrackState


class Astray:
    """Adds up, in squares, how uncertain WEAK frames are until one is mapped: what their views
    leave open goes further astray with each of them. Where a LOST track is found again does not
    depend on them.
    """

    def __init__(self) -> None:
        self._sum_m = 0.0

    def taken(self, result: TrackResult, is_mapped: bool) -> float:
        """Take in a frame; return how far those before it, since the last that was mapped, may have
        gone.
        """
        sum_m = self._sum_m
        if result.state is TrackState.WEAK:
            self._sum_m = hypot(sum_m, result.uncertainty_m)
        elif is_mapped or result.state is TrackState.LOST:
            self._sum_m = 0.0
        return sum_m
