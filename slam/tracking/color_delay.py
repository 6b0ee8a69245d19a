"""Whether colour is older than the depth that it is paired with.

Then the view looks as it would from where the camera was a few frames before, and so does the
keyframe's. The poses of these frames are tried one after the other, in many frames: where the
camera's motion changes, only those of the right delay look the same.
"""

import logging
from collections import deque
from collections.abc import Callable

import numpy as np

from slam.geometry import Transform, inverse, is_elsewhere

logger = logging.getLogger(__name__)
MOST = 5  # frames by which colour may be late
LEAST = 2  # a camera that is late by less is a common one
EVERY = 5  # frames
MIN_LOOKS, MAX_LOOKS = 10, 40
TOLD_M, TOLD_RAD = 0.01, 0.01  # by which the poses of two delays differ that can be told apart
MIN_LEAD = 0.02  # of what looks the same, over what does without a delay
MIN_SIGMAS = 4.0  # by which the lead is no chance
LooksSame = Callable[[Transform], float | None]


class ColorDelay:
    """Compares delays, until one is found or enough was seen."""

    def __init__(self) -> None:
        self.is_late = False
        self._now: deque[tuple[float, Transform]] = deque(maxlen=MOST + 1)  # the newest first
        self._then: tuple[Transform, ...] = ()  # the same when the keyframe was taken
        self._num_frames = 0
        self._leads: list[list[float]] = []  # of each look, of each delay but none

    def forget_motion(self) -> None:
        """Take note that poses are missing, or that the world was moved."""
        self._now.clear()
        self._then = ()

    def take_keyframe(self) -> None:
        """Take note that the last frame is the keyframe."""
        self._then = tuple(T for _, T in self._now)

    def observe(self, timestamp_s: float, T_world_camera: Transform, looks_same: LooksSame) -> None:
        """Take in the pose of a frame; `looks_same` tells how much of the keyframe looks the same
        from a pose (T_world_camera), None without colour.
        """
        self._now.appendleft((timestamp_s, T_world_camera))
        self._num_frames += 1
        is_due = self._num_frames % EVERY == 0 and len(self._leads) < MAX_LOOKS
        is_known = len(self._now) == len(self._then) == MOST + 1
        if self.is_late or not is_due or not is_known:
            return
        poses = [
            self._then[0] @ inverse(T_then) @ T_now
            for T_then, (_, T_now) in zip(self._then, self._now, strict=True)
        ]
        if not any(is_elsewhere(T_world_camera, T, TOLD_M, TOLD_RAD) for T in poses):
            return
        none, *late = (looks_same(T) for T in poses)
        if none is None:
            return
        self._leads.append([share - none for share in late if share is not None])
        self._decide()

    def _decide(self) -> None:
        if len(self._leads) < MIN_LOOKS:
            return
        leads = np.array(self._leads)
        mean, sigma = leads.mean(axis=0), leads.std(axis=0) / np.sqrt(len(leads))
        best = int(mean.argmax())
        num_late = best + 1
        is_lead = mean[best] > MIN_LEAD and mean[best] > MIN_SIGMAS * sigma[best]
        if num_late < LEAST or not is_lead:
            return
        self.is_late = True
        late_ms = 1e3 * (self._now[0][0] - self._now[num_late][0])
        logger.warning(
            "colour is about %.0f ms older than its depth: from here on depth alone is followed",
            late_ms,
        )
