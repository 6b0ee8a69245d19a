"""Alignment with colour, for as long as it may belong to another moment than the depth."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.aligner import Aligner
from slam.tracking.base import TrackResult
from slam.tracking.color_delay import ColorDelay
from slam.tracking.contradiction import contradicts, may_contradict
from slam.tracking.hypotheses import weakened
from slam.tracking.tiles import EarlierView


class DoubtedColor:
    """Uses the colour of frames until it is known to be late.

    `last` returns the last pose, or what it is given before the first; `view` is an earlier view.
    """

    def __init__(self, aligner: Aligner) -> None:
        self._aligner = aligner
        self._delay = ColorDelay()

    def used(self, frame: Frame) -> Frame:
        """Return a frame with the colour that is used."""
        return replace(frame, color=None) if self._delay.is_late else frame

    def align(
        self,
        map_: Map,
        T_start: Transform,
        scatter: float,
        last: Callable[[Transform], Transform],
        view: EarlierView | None,
    ) -> TrackResult:
        """Align with colour, or while colour may belong to another moment and contradicts the
        depth, without.
        """
        align = partial(self._aligner.align, map_, scatter=scatter)
        result = align(T_start)
        T_before = last(result.T_world_camera)
        if self._delay.is_decided or not may_contradict(result, T_before, self._delay.is_suspected):
            return result
        by_depth = align(T_start, with_color=False)
        if by_depth.is_open and self._delay.is_suspected:
            return weakened(result, "colour may be of another moment, and depth does not tell")
        if not self.contradicts(by_depth, result, last, view):
            return result
        # the view, too, has to look as usual from there
        return replace(by_depth, likeness=self._aligner.same(by_depth.T_world_camera))

    def contradicts(
        self,
        by_depth: TrackResult,
        result: TrackResult,
        last: Callable[[Transform], Transform],
        view: EarlierView | None,
    ) -> bool:
        """Whether depth alone says that the camera is elsewhere; never where colour is in time."""
        if self._delay.is_decided:
            return False
        T_before = last(by_depth.T_world_camera)
        return contradicts(result, by_depth, T_before, self._aligner.prepared(), view)

    def observe(self, T_world_camera: Transform) -> None:
        """Take in the pose of the frame that the aligner holds."""
        if not self._delay.is_decided:
            self._delay.observe(self._aligner.prepared(), T_world_camera)

    def forget_motion(self) -> None:
        """Take note that poses are missing, or that the world was moved."""
        self._delay.forget_motion()
