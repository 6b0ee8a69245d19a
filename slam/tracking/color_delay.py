"""Whether colour belongs to another moment than the depth that it is paired with.

Pairs of frames a fifth of a second apart are compared with every colour image moved to the depth,
and to the pose, of some frames before or after. What belongs together looks the same; where the
camera's motion changes, or where something near hides what is far, nothing else does.
"""

import logging
from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from kernels.image import TexturedPoints, pick_textured
from slam.geometry import Transform, is_elsewhere
from slam.tracking.photometric import MIN_GRADIENT, PhotometricKeyframe, PhotometricTerm
from slam.tracking.prepare import CLOUD_LEVEL, Level, PreparedFrame

logger = logging.getLogger(__name__)
MOST_S = 0.2  # by which colour may be late, or early
LEAST_S = 0.045  # what is off by less is a common camera
STEP_S = 1.0 / 30.0  # between the delays that are tried, at least
APART_S = 0.2  # of the frames of a pair; half as much does
MEMORY_S = APART_S + 2.0 * MOST_S + 0.1
EVERY = 2  # frames
MIN_LOOKS, MAX_LOOKS = 4, 60
TOLD_M, TOLD_RAD = 0.005, 0.005  # by which the camera moves in a delay that can be told
MIN_LEAD = 0.05  # of what looks the same, over what does without a delay
MIN_SIGMAS = 2.0  # by which a lead is no chance
MAX_POINTS = 1000  # of a frame
LIKENESS = 1.0  # scale of the robust weight where a pixel counts
INTENSITY_SIGMA = 4.0  # grey levels


class _Seen(NamedTuple):
    timestamp_s: float
    T_world_camera: Transform
    level: Level


class ColorDelay:
    """Compares delays, until one is found, or it is clear that there is none."""

    def __init__(self) -> None:
        self.is_late = False
        self.is_decided = False
        self.is_suspected = False
        self._seen: deque[_Seen] = deque()
        self._num_frames = 0
        self._num_looks = 0
        self._shares: dict[tuple[int, int, int], float] = {}  # of a look
        self._picked: dict[int, TexturedPoints] = {}  # the same
        self._leads: dict[int, list[float]] = {}  # of delays in frames, over none

    def forget_motion(self) -> None:
        """Take note that poses are missing, or that the world was moved."""
        self._seen.clear()

    def observe(self, prepared: PreparedFrame, T_world_camera: Transform) -> None:
        """Take in the pose of a frame."""
        if self.is_decided:
            return
        now_s = prepared.frame.timestamp_s
        self._seen.append(_Seen(now_s, T_world_camera, prepared.levels[CLOUD_LEVEL]))
        while now_s - self._seen[0].timestamp_s > MEMORY_S:
            self._seen.popleft()
        self._num_frames += 1
        if self._num_frames % EVERY == 0 and len(self._seen) > 1:
            self._look()

    def _look(self) -> None:
        period_s = float(np.median(np.diff([one.timestamp_s for one in self._seen])))
        step = max(1, round(STEP_S / period_s))
        num_steps = max(1, round(MOST_S / (step * period_s)))
        apart = max(1, round(APART_S / period_s))
        self._shares.clear()
        self._picked.clear()
        delays = [n * step for n in range(-num_steps, num_steps + 1) if n != 0]
        found = {delay: self._lead(delay, apart) for delay in delays}
        for delay, lead in found.items():
            if lead is not None:
                self._leads.setdefault(delay, []).append(lead)
        self._num_looks += any(lead is not None for lead in found.values())
        self._decide(delays, period_s)
        if self.is_decided or self._num_looks >= MAX_LOOKS:
            self.is_decided = True
            self._seen.clear()

    def _lead(self, delay: int, apart: int) -> float | None:
        """Return how much more looks the same in the latest pair of frames if colour is late by so
        many than if it is not; None where no pair can tell.
        """
        seen = self._seen
        last = len(seen) - 1 + min(delay, 0)  # its depth is the latest, or that of `delay` before
        first = max(last - apart, delay, 0)
        if last - first < max(1, apart // 2):
            return None
        T_last, T_delayed = seen[last].T_world_camera, seen[last - delay].T_world_camera
        if not is_elsewhere(T_last, T_delayed, TOLD_M, TOLD_RAD):
            return None
        none, late = self._same(first, last, 0), self._same(first, last, delay)
        return None if none is None or late is None else late - none

    def _same(self, first: int, last: int, delay: int) -> float | None:
        """Return how much looks the same in two frames if colour is late; None without colour."""
        key = first, last, delay
        if key not in self._shares:
            there, here = self._seen[first - delay], self._seen[last - delay]
            gray = self._seen[last].level.gray
            if self._seen[first].level.gray is None or gray is None:
                return None
            if first not in self._picked:
                self._picked[first] = _rays(self._seen[first].level)
            points = _at_depth(self._picked[first], there.level)
            keyframe = PhotometricKeyframe(there.T_world_camera, {CLOUD_LEVEL: points})
            levels = {CLOUD_LEVEL: replace(here.level, gray=gray)}
            term = PhotometricTerm(keyframe, levels, INTENSITY_SIGMA)
            self._shares[key] = term.same(CLOUD_LEVEL, here.T_world_camera, LIKENESS)
        return self._shares[key]

    def _decide(self, delays: list[int], period_s: float) -> None:
        """Compare the delays with what a common camera's may be."""
        means = {d: float(np.mean(leads)) for d, leads in self._leads.items()}
        common = [d for d in means if abs(d) * period_s < LEAST_S]
        base = max([0.0, *(means[d] for d in common)])
        told = [d for d in means if d not in common and len(self._leads[d]) >= MIN_LOOKS // 2]
        self.is_suspected = any(means[d] - base > MIN_LEAD for d in told)
        if not told:
            return
        best = max(told, key=lambda d: means[d])
        lead = means[best] - base
        leads = self._leads[best]
        sigma = float(np.std(leads)) / np.sqrt(len(leads))
        if len(leads) < MIN_LOOKS or abs(lead) < max(MIN_LEAD, MIN_SIGMAS * sigma):
            return
        # those that are told last may be better still
        farther = [d for d in delays if d * best > 0 and abs(d) > abs(best)]
        self.is_late = lead > 0.0 and all(d in told for d in farther)
        self.is_decided = self.is_late or all(d in told for d in delays if d not in common)
        if self.is_late:
            logger.warning(
                "colour is about %.0f ms %s than its depth: from here on depth alone is followed",
                1e3 * abs(best) * period_s,
                "older" if best > 0 else "newer",
            )


def _rays(level: Level) -> TexturedPoints:
    """Return the textured pixels of a frame as points at a depth of 1."""
    assert level.gray is not None
    intrinsics = level.camera.intrinsics
    return pick_textured(
        level.gray, np.ones_like(level.depth_m), intrinsics, MIN_GRADIENT, MAX_POINTS
    )


def _at_depth(rays: TexturedPoints, level: Level) -> TexturedPoints:
    """Return the points that have depth in a frame, where it is."""
    camera, (x, y, _) = level.camera, rays.points.T
    u, v = np.rint(x * camera.fx + camera.cx), np.rint(y * camera.fy + camera.cy)
    z = level.depth_m[v.astype(np.intp), u.astype(np.intp)]
    is_known = z > 0
    points = (rays.points * z[:, None])[is_known]
    return TexturedPoints(points, rays.intensities[is_known], np.array([len(points)], np.int32))
