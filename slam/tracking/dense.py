"""Dense tracking: where each frame is aligned from, and whether the pose is believed."""

from dataclasses import replace
from functools import partial

import numpy as np

from slam.config import TrackingConfig
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.aligner import Aligner
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.doubted_color import DoubtedColor
from slam.tracking.elsewhere import Elsewhere
from slam.tracking.gravity import level_rotation
from slam.tracking.keyframe import KeyframeView, sharpness
from slam.tracking.likeness import UsualLikeness
from slam.tracking.map_support import is_borne_out
from slam.tracking.motion import ConstantVelocity
from slam.tracking.parts import MovingParts
from slam.tracking.pieces import OnePiece, Pieces
from slam.tracking.plausible import MAX_GAP_S, plausible
from slam.tracking.prepare import CLOUD_LEVEL
from slam.tracking.recogniser import NothingKnown, Recogniser
from slam.tracking.scatter import UsualScatter
from slam.tracking.stages import MIN_POINTS

CLEAR_INLIERS = 0.6  # share of the points that meet the map where a look at the keyframe is spared
LOOK_ROUND_EVERY = 4  # frames, while lost


class DenseTracker:
    """Tracks each frame against the map (geometry) and against the last keyframe (intensity)."""

    def __init__(
        self,
        config: TrackingConfig,
        aligner: Aligner,
        has_map: bool = False,
        recogniser: Recogniser | None = None,
        T_start: Transform | None = None,
        pieces: Pieces | OnePiece | None = None,
    ) -> None:
        """Start at the origin; with `has_map` the first frame is aligned from there, or from
        `T_start` (T_world_camera), or wherever the recogniser finds it. `pieces` may begin another
        piece of map where nothing known is in view.
        """
        self._pieces = pieces or OnePiece()
        self._T_start = np.eye(4) if T_start is None else T_start
        self._config = config
        self._aligner = aligner
        self._has_map = has_map
        self._recogniser = recogniser or NothingKnown()
        self._motion = ConstantVelocity()
        self._color = DoubtedColor(aligner)
        self._scatter = UsualScatter()
        self._parts = MovingParts(config.reject_movers, config.photometric)
        self._likeness = UsualLikeness()
        self._elsewhere = Elsewhere(aligner, self._likeness)
        self._keyframe: KeyframeView | None = None
        self._num_weak = 0
        self._num_lost = 0
        self._num_unlooked = 0  # lost frames since one was looked for round the last pose

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Estimate T_world_camera of the next frame."""
        frame = self._color.used(frame)
        self._aligner.load(frame)
        self._parts.load(self._aligner)
        T_predicted = self._motion.predict(frame.timestamp_s)
        if T_predicted is None and not self._has_map:
            result = self._start(frame)
        else:
            start = self._T_start if T_predicted is None else T_predicted
            result = self._follow(frame, map_, start)
        self._remember(frame, result)
        return replace(result, moving=self._parts.pixels())

    def moved(self, T_new_old: Transform) -> None:
        """Go on in a world that was moved, with the map, between two frames."""
        self._T_start = T_new_old @ self._T_start
        self._motion.moved(T_new_old)
        self._aligner.moved(T_new_old)
        self._parts.moved(T_new_old)
        self._color.forget_motion()
        if self._keyframe is not None:
            T_new_keyframe = T_new_old @ self._keyframe.T_world_keyframe
            self._keyframe = replace(self._keyframe, T_world_keyframe=T_new_keyframe)

    def _start(self, frame: Frame) -> TrackResult:
        """Take the first usable frame as the origin, with the axes that gravity gives."""
        num_points = self._aligner.extent().num_points
        if num_points < MIN_POINTS:
            reason = f"the first frame has only {num_points} depth points"
            return TrackResult(np.eye(4), TrackState.LOST, reason, 0.0, 0.0, 0.0, 0)
        T_world_camera = level_rotation(frame.acceleration)
        return TrackResult(T_world_camera, TrackState.OK, "", 0.0, 1.0, 1.0, 0)

    def _follow(self, frame: Frame, map_: Map, T_predicted: Transform) -> TrackResult:
        """Align from where the camera should be, and unless the result is clear, look round for
        what explains the frame better.
        """
        aligned = self._parts.aligned(partial(self._align, frame, map_), T_predicted)
        result = self._judge(frame, aligned, T_predicted)
        is_expected = self._num_weak == 0 and self._motion.has_velocity(frame.timestamp_s)
        if is_expected and result.state is TrackState.WEAK and is_borne_out(map_, frame, result):
            # new surface comes into view, and if it is not mapped the next frame meets even less
            result = replace(result, state=TrackState.OK, reason="")
        if is_expected and self._scatter.is_unusual(frame.depth_noise, result.residual_sigmas):
            self._scatter.bear_out(result.residual_sigmas)
            result = self._set_aside(frame, map_, result, T_predicted)
        if is_expected and result.state is TrackState.OK and self._is_clear(result):
            return result
        if self._num_lost == 0:
            result = self._look_round(frame, map_, result, T_predicted)
            if result.state is TrackState.WEAK:
                result = self._set_aside(frame, map_, result, T_predicted)
        elif result.state is not TrackState.LOST:
            reason = "lost, and the map shows another place"
            lost = replace(result, state=TrackState.LOST, reason=reason)
            result = self._elsewhere.placed(frame, map_, result.T_world_camera) or lost
        # in a map that was made before, or after a gap, the camera may be anywhere
        is_adrift = self._keyframe is None or self._motion.gap_s(frame.timestamp_s) > MAX_GAP_S
        if result.state is TrackState.WEAK and is_adrift:
            reason = f"nothing says where the camera is: {result.reason}"
            result = replace(result, state=TrackState.LOST, reason=reason)
        if result.state is TrackState.LOST:
            result = self._find_again(frame, map_, result, T_predicted)
        if result.state is TrackState.LOST:
            return self._begun_anew(frame) or result
        return result

    def _align(self, frame: Frame, map_: Map, T_start: Transform) -> TrackResult:
        scatter, view = self._scatter.of(frame.depth_noise), self._parts.latest_view()
        return self._color.align(map_, T_start, scatter, self._motion.last, view)

    def _is_clear(self, result: TrackResult) -> bool:
        """Whether a pose needs no second look: from it the view looks as much like the keyframe as
        it did before, and the map or the keyframe's depth bears it out.
        """
        if not self._likeness.is_usual(result.likeness):
            return False
        if result.inlier_ratio >= CLEAR_INLIERS:
            return True
        return self._aligner.agreement(result.T_world_camera).is_believed

    def _begun_anew(self, frame: Frame) -> TrackResult | None:
        """Begin a piece of map that knows nothing of the others, if it is time for one: a covered
        camera has not looked round, and without colour the piece would never be recognised.
        """
        result = self._start(frame)
        if result.state is TrackState.LOST or frame.color is None:
            self._pieces.wait()
            return None
        if not self._pieces.is_due(frame.timestamp_s):
            return None
        self._leave()
        T_world_camera = self._pieces.begin(result.T_world_camera)
        return replace(
            result, T_world_camera=T_world_camera, uncertainty_m=np.inf, begins_piece=True
        )

    def _leave(self) -> None:
        """Go on elsewhere: the way there was no motion, and the keyframe tells nothing there."""
        self._motion = ConstantVelocity()
        self._keyframe = None
        self._aligner.forget_keyframe()

    def _set_aside(
        self, frame: Frame, map_: Map, result: TrackResult, T_last: Transform
    ) -> TrackResult:
        """Go on in a piece of its own where the map shows the place as a drifted track has left it:
        loops will join the two.
        """
        if not self._pieces.is_old(frame.timestamp_s):
            return result
        beside = self._elsewhere.beside(frame, map_, result, T_last)
        if beside is None:
            return result
        T_new_old = self._pieces.aside(beside.T_world_camera)
        self.moved(T_new_old)
        return replace(beside, T_world_camera=T_new_old @ beside.T_world_camera, begins_piece=True)

    def _look_round(
        self, frame: Frame, map_: Map, result: TrackResult, T_last: Transform
    ) -> TrackResult:
        """Return the best of a result and of what a search round the last pose finds."""

        def align(T_start: Transform) -> TrackResult:
            return self._judge(frame, self._align(frame, map_, T_start), T_last)

        view = self._parts.latest_view()
        contradicts = partial(self._color.contradicts, last=self._motion.last, view=view)
        return self._elsewhere.around(frame, map_, result, T_last, align, contradicts)

    def _find_again(
        self, frame: Frame, map_: Map, lost: TrackResult, T_last: Transform
    ) -> TrackResult:
        """Look where the frame is recognised, or round the last pose: there is time for one. The
        latter every few frames, one later if that one is recognised.
        """
        T_guess = self._recogniser.recognise(frame)
        self._num_unlooked = self._num_unlooked + 1 if self._num_lost else 1
        if self._num_unlooked >= LOOK_ROUND_EVERY + (T_guess is not None):
            self._num_unlooked = 0
            result = self._look_round(frame, map_, lost, T_last)
            return result if result.state is TrackState.OK else lost
        result = None if T_guess is None else self._elsewhere.placed(frame, map_, T_guess)
        if result is None:
            return lost
        self._leave()
        self._recogniser.confirm(frame, result.T_world_camera)
        return result

    def place(self, frame: Frame, map_: Map, T_guess: Transform) -> TrackResult | None:
        """Return the pose in a map of a frame that belongs to no track, near a guess; None unless
        the map bears it out.
        """
        self._aligner.load(frame)
        return self._elsewhere.placed(frame, map_, T_guess)

    def _judge(self, frame: Frame, result: TrackResult, T_predicted: Transform) -> TrackResult:
        gap_s = self._motion.gap_s(frame.timestamp_s)
        return plausible(result, T_predicted, gap_s, self._num_weak, self._config)

    def _remember(self, frame: Frame, result: TrackResult) -> None:
        """Update motion prior and keyframe."""
        self._num_lost = self._num_lost + 1 if result.state is TrackState.LOST else 0
        if result.state is TrackState.LOST:
            self._motion.forget_velocity()
            self._color.forget_motion()
            self._parts.forget()
            return
        self._pieces.observe(frame.timestamp_s)
        self._num_weak = self._num_weak + 1 if result.state is TrackState.WEAK else 0
        self._motion.observe(frame.timestamp_s, result.T_world_camera, result.is_open)
        T_world_camera = result.T_world_camera
        self._color.observe(T_world_camera)
        if result.state is TrackState.WEAK:
            return
        self._parts.remember(T_world_camera)
        self._likeness.observe(result.likeness)
        if result.residual_sigmas > 0.0:
            self._scatter.observe(frame.depth_noise, result.residual_sigmas)
        sharp = sharpness(self._aligner.prepared().levels[CLOUD_LEVEL])
        if self._keyframe is None or self._keyframe.needs_replacement(T_world_camera, sharp):
            self._aligner.set_keyframe(T_world_camera)
            median_depth_m = self._aligner.extent().median_depth_m
            self._keyframe = KeyframeView(T_world_camera, median_depth_m, sharp)
