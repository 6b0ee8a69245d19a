"""Parts of the view that move: found by what tiles say of the camera's motion since earlier views.

A thing that begins to move is not in space that was seen to be free, and a map averages: after a
few frames that follow it, the map bears the wrong pose out. Views of the last second do not change.
Of two poses that one is believed which less surface contradicts, and what contradicts it is left
out of alignment and map until it agrees again.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Bool

from slam.geometry import Transform, inverse, orthonormalise, rotation_angle_rad, se3_exp, se3_log
from slam.tracking.aligner import Aligner
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.moving_pixels import and_beside, moving_pixels, without
from slam.tracking.prepare import PreparedFrame
from slam.tracking.tiles import (
    BETTER,
    MUCH_BETTER,
    NUM_TILES,
    EarlierView,
    Voices,
    earlier_view,
    overlap,
    voices,
)

VIEW_EVERY = 5  # sure frames
MAX_VIEWS = 6
LOOK_EVERY = 2  # frames, while nothing moves
MIN_OVERLAP = 0.7
MAX_TURN_RAD_S = 0.9  # faster, exposure and rolling shutter bend and blur what a camera sees
MIN_DISSENT = 0.06  # of the surface, below which nothing moves
MAX_DISSENT = 0.33  # above, the views cannot be compared: blur, another brightness, fast turns
MIN_MOVING = 2  # tiles
MIN_SHIFT_M = 0.003  # of a pose, by which it is worth a doubt
ON_THE_WAY = 0.15  # from that pose to the better one, to be borne out by the map
NUM_ITERATIONS = 5
CONVERGED = 5e-4  # metres and radians
TRUST_IN_MOVERS = 0.5  # of what moved a frame ago, against all else
NOTHING = np.zeros(NUM_TILES, dtype=bool)


class MovingParts:
    """The tiles of the view that move."""

    def __init__(self, is_on: bool = True, has_intensity: bool = True) -> None:
        self._is_on, self._has_intensity = is_on, has_intensity
        self._views: deque[EarlierView] = deque(maxlen=MAX_VIEWS)
        self._num_frames = 0
        self._num_sure = 0
        self._tiles = NOTHING
        self._last: tuple[float, Transform] | None = None  # time and pose
        self._is_blurred = False
        self._aligner: Aligner | None = None
        self._whole: PreparedFrame | None = None
        self._uses_color = has_intensity

    def aligned(
        self, align: Callable[[Transform], TrackResult], T_predicted: Transform
    ) -> TrackResult:
        """Align what stands of the frame."""
        if self._tiles.any():
            self._load_what_stands()
        result = align(T_predicted)
        if not self._is_on:
            return result
        self._uses_color = result.likeness is not None
        self._num_frames += 1
        is_due = self._tiles.any() or self._num_frames % LOOK_EVERY == 0
        if self._turns_fast(result.T_world_camera):
            self._tiles = NOTHING
        if not self._views or not is_due or self._is_blurred:
            return result
        before = self._tiles
        T_start = self._judge(result.T_world_camera, T_predicted)
        if T_start is None and (self._tiles == before).all():
            return result
        self._load_what_stands()
        again = align(result.T_world_camera if T_start is None else T_start)
        moved_m = self._apart_m(again.T_world_camera, result.T_world_camera)
        is_borne_out = T_start is None or (
            moved_m > ON_THE_WAY * self._apart_m(T_start, result.T_world_camera)
        )
        if again.state is not TrackState.LOST and (is_borne_out or before.any()):
            return again
        self._tiles = NOTHING  # the map says otherwise, or too little is left
        self._load_what_stands()
        return align(T_predicted) if before.any() else result

    def _turns_fast(self, T_world_camera: Transform) -> bool:
        """Take note of a pose, and whether the camera turned fast to it."""
        now_s, last = self._frame().frame.timestamp_s, self._last
        self._last = now_s, T_world_camera
        self._is_blurred = False
        if last is not None:
            turned_rad = rotation_angle_rad((inverse(last[1]) @ T_world_camera)[:3, :3])
            self._is_blurred = bool(turned_rad > MAX_TURN_RAD_S * (now_s - last[0]))
        return self._is_blurred

    def _apart_m(self, T: Transform, T_other: Transform) -> float:
        """Return how far two poses put the frame's readings apart."""
        lever_m = float(np.median(self._frame().cloud.points[:, 2]))
        T_apart = inverse(T) @ T_other
        turned_m = lever_m * rotation_angle_rad(T_apart[:3, :3])
        return float(np.linalg.norm(T_apart[:3, 3])) + turned_m

    def _judge(self, T_aligned: Transform, T_predicted: Transform) -> Transform | None:
        """Find what moves in the frame at a pose; return a better pose, if there is one."""
        was_moving, self._tiles = self._tiles, NOTHING
        trust = np.where(was_moving, TRUST_IN_MOVERS, 1.0)
        view = self._earlier_view(T_aligned)
        if view is None:
            return None
        if not self._uses_color:  # colour that contradicts depth everywhere tells of no mover
            view = view._replace(texture=None)
        at_pose = partial(voices, view, self._frame(), trust=trust)
        found = at_pose(T_aligned)
        if found.dissent() < MIN_DISSENT:
            return None
        T_better = self._agreed(found, at_pose, T_aligned, T_predicted)
        if T_better is not None:
            other = at_pose(T_better)
            if other.are_fewer_than(found, BETTER if was_moving.any() else MUCH_BETTER):
                found = other
            else:
                T_better = None
        tiles = found.contradicting()
        if T_better is None:
            tiles &= and_beside(was_moving)  # nothing new moves
        is_likely = found.dissent() < MAX_DISSENT and np.count_nonzero(tiles) >= MIN_MOVING
        if not is_likely:
            return None
        self._tiles = tiles
        return T_better

    def _agreed(
        self,
        found: Voices,
        at_pose: Callable[[Transform], Voices],
        T_aligned: Transform,
        T_predicted: Transform,
    ) -> Transform | None:
        """Return the pose that the largest part of the surface agrees with; None where that is no
        larger than the part which agrees with the pose where voices were found.
        """
        most = BETTER * found.dissent()
        T_world_camera = T_aligned
        for _ in range(NUM_ITERATIONS):
            T_camera_world = inverse(T_world_camera)
            starts = [se3_log(T_camera_world @ T) for T in (T_aligned, T_predicted)]
            twist, share = found.consensus(np.array(starts))
            if share >= most:
                return None
            T_world_camera = orthonormalise(T_world_camera @ se3_exp(twist))
            if np.abs(twist).max() < CONVERGED:
                break
            found = at_pose(T_world_camera)
        is_apart = self._apart_m(T_world_camera, T_aligned) > MIN_SHIFT_M
        return T_world_camera if is_apart else None

    def latest_view(self) -> EarlierView | None:
        """Return the last view that is kept, None without any."""
        return self._views[-1] if self._views else None

    def _earlier_view(self, T_world_camera: Transform) -> EarlierView | None:
        """Return the earliest view of the same place; forget those of others."""
        while self._views:
            if overlap(self._views[0], self._frame(), T_world_camera) >= MIN_OVERLAP:
                return self._views[0]
            self._views.popleft()
        return None

    def load(self, aligner: Aligner) -> None:
        """Take the frame that an aligner holds, with all that moves in it."""
        self._aligner = aligner
        self._whole = aligner.prepared() if self._is_on else None

    def _frame(self) -> PreparedFrame:
        assert self._whole is not None
        return self._whole

    def remember(self, T_world_camera: Transform) -> None:
        """Take note that the frame's pose is sure."""
        if not self._is_on or self._is_blurred:
            return
        if not self._views or self._num_sure % VIEW_EVERY == 0:
            view = earlier_view(self._frame(), T_world_camera, self._has_intensity)
            self._views.append(view)
        self._num_sure += 1

    def forget(self) -> None:
        """Begin anew: the pose is lost."""
        self._views.clear()
        self._tiles = NOTHING
        self._last, self._is_blurred = None, False

    def moved(self, T_new_old: Transform) -> None:
        """Go on in a world that was moved."""
        views = (v._replace(T_world_view=T_new_old @ v.T_world_view) for v in self._views)
        self._views = deque(views, maxlen=MAX_VIEWS)
        if self._last is not None:
            self._last = self._last[0], T_new_old @ self._last[1]

    def pixels(self) -> Bool[np.ndarray, "h w"] | None:
        """Return what moves in the frame, None if nothing does."""
        if not self._tiles.any():
            return None
        return moving_pixels(self._tiles, self._frame().frame.depth_m)

    def _load_what_stands(self) -> None:
        """Give the aligner the frame without what moves."""
        frame, is_moving = self._frame().frame, self.pixels()
        if is_moving is not None:
            mask = ~is_moving if frame.color_mask is None else frame.color_mask & ~is_moving
            depth_m = without(frame.depth_m, is_moving)
            frame = replace(frame, depth_m=depth_m, color_mask=mask)
        assert self._aligner is not None
        self._aligner.load(frame)
