"""Where else than where it was aligned a frame may have been taken from."""

from collections.abc import Callable
from functools import partial

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.aligner import Aligner
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.hypotheses import chosen, is_near, tried
from slam.tracking.likeness import UsualLikeness
from slam.tracking.map_support import is_borne_out
from slam.tracking.outdated import pose_beside

CERTAIN_M = 0.001  # by depth: beside the pose, noise makes 1.5 mm or more of it
MIN_CONTRAST = 0.3  # at right poses 0.5 to 0.9 (less in blur), at wrong ones up to 0.2


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
        is_alike = partial(self._is_alike, map_)
        return chosen([result, *results], self._aligner.agreement, is_verified, is_alike)

    def _is_alike(self, map_: Map, result: TrackResult) -> bool:
        """Whether as much as usual looks the same from a pose, or much more than by chance. If not,
        colour may be of another moment: then depth has to say for certain where the camera is.
        """
        if self._likeness.is_known and self._likeness.is_usual(result.likeness):
            return True
        if result.likeness is None or self._has_contrast(result):
            return True
        alone = self._aligner.align(map_, result.T_world_camera, with_color=False)
        is_certain = alone.state is TrackState.OK and alone.uncertainty_m < CERTAIN_M
        return is_certain and is_near(alone.T_world_camera, result.T_world_camera)

    def _has_contrast(self, result: TrackResult) -> bool:
        return self._aligner.contrast(result.T_world_camera) > MIN_CONTRAST

    def placed(self, frame: Frame, map_: Map, T_guess: Transform) -> TrackResult | None:
        """Align near a guess; None unless the map bears the pose out.

        The keyframe may be of another place, and where its pixels look like those of this one, they
        draw the pose off; so the surface tells, and colour only what it leaves open where the
        keyframe looks as no other place does. And from 5 cm away the alignment alone may come to
        rest beside the pose, with all but a few points in place.
        """
        T_by_surface = self._aligner.drawn(map_, T_guess)
        result = self._aligner.align(map_, T_by_surface, with_color=False)
        colored = self._aligner.align(map_, result.T_world_camera)
        if colored.likeness is not None and self._has_contrast(colored):
            result = colored
        return result if is_borne_out(map_, frame, result) else None

    def beside(
        self, frame: Frame, map_: Map, result: TrackResult, T_last: Transform
    ) -> TrackResult | None:
        """Return where the keyframe alone has the frame, if the map shows the place as a drifted
        track has left it; None otherwise.
        """
        is_usual = self._likeness.is_usual
        return pose_beside(map_, frame, self._aligner, result, T_last, is_usual)
