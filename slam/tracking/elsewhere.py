"""Where else than where it was aligned a frame may have been taken from."""

from collections.abc import Callable
from functools import partial

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.aligner import Aligner
from slam.tracking.base import TrackResult
from slam.tracking.hypotheses import chosen, tried
from slam.tracking.likeness import UsualLikeness
from slam.tracking.map_support import is_borne_out
from slam.tracking.outdated import pose_beside


class Elsewhere:
    """Looks for other poses of the frame that an aligner holds."""

    def __init__(self, aligner: Aligner, likeness: UsualLikeness) -> None:
        self._aligner = aligner
        self._likeness = likeness

    def around(
        self,
        frame: Frame,
        map_: Map,
        result: TrackResult,
        T_last: Transform,
        align: Callable[[Transform], TrackResult],
        contradicts: Callable[[TrackResult, TrackResult], bool],
    ) -> TrackResult:
        """Return the best of a result and of what alignments find from round the last pose, without
        those that the one which meets the map best `contradicts`.
        """
        starts = self._aligner.search(map_, T_last)
        results = tried(starts, result, self._likeness, self._aligner.same, align)
        best = max([result, *results], key=lambda one: one.inlier_ratio)
        results = [one for one in results if not contradicts(best, one)]
        is_verified = partial(is_borne_out, map_, frame)
        return chosen([result, *results], self._aligner.agreement, is_verified)

    def placed(self, frame: Frame, map_: Map, T_guess: Transform) -> TrackResult | None:
        """Align near a guess; None unless the map bears the pose out.

        The keyframe is of another place, and where its pixels look like those of this one, they
        draw the pose off; so only the surface tells. And from 5 cm away the alignment alone may
        come to rest beside the pose, with all but a few points in place.
        """
        T_by_surface = self._aligner.drawn(map_, T_guess)
        result = self._aligner.align(map_, T_by_surface, with_color=False)
        return result if is_borne_out(map_, frame, result) else None

    def beside(
        self, frame: Frame, map_: Map, result: TrackResult, T_last: Transform
    ) -> TrackResult | None:
        """Return where the keyframe alone has the frame, if the map shows the place as a drifted
        track has left it; None otherwise.
        """
        is_usual = self._likeness.is_usual
        return pose_beside(map_, frame, self._aligner, result, T_last, is_usual)
