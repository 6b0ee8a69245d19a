"""Kidnaps: some seconds are cut out of a walk, and the camera goes on elsewhere.

The walk is mapped up to each cut, at its true poses: how well a map is tracked is another question.
A tracker that is resumed there, wherever the map began, has to find out where it is; then it is
carried to where the walk goes on, and back to the cut. What it sees meanwhile is not mapped. Each
time it has one second in which it sees mapped surface.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from slam import Config
from slam.config import PlacesConfig
from slam.frame import Frame
from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.maps.factory import new_map
from slam.places.memory import new_places
from slam.sources.base import Source
from slam.sources.depth_range import clamped
from slam.tracking.base import Tracker, TrackResult, TrackState
from slam.tracking.factory import dense_tracker
from slam.tracking.map_support import support

GAP_S = 2.0, 10.0
FIRST_S = 2.0  # mapped before the first cut
LIMIT_S = 1.0  # in which the camera has to be found
MIN_SEEN = 0.5  # share of the readings on mapped surface, from which a frame sees it
NUM_UNSEEN = 5  # frames tried where it is not seen
NUM_AFTER = 3  # frames that have to go on well
MAX_ERROR_M, MAX_ERROR_DEG = 0.05, 3.0


@dataclass
class Kidnap:
    """What became of one."""

    where: str
    sees_map: bool = False
    frames_until_found: int | None = None  # of those that see mapped surface
    error_m: float = 0.0  # the largest of the poses that were given
    wrong: list[str] = field(default_factory=list)  # those that are not right


def median_step_s(source: Source) -> float:
    """Return the time from one frame to the next."""
    return float(np.median(np.diff(source.timestamps_s)))


def kidnaps(
    source: Source,
    config: Config,
    truth: Mapping[int, Transform],
    num_cuts: int,
    seed: int,
) -> Iterator[Kidnap]:
    """Walk through a source with cuts; yield three kidnaps a cut: resumed, there and back."""
    rng = np.random.default_rng(seed)
    frame_s, stride = median_step_s(source), config.playback.stride
    num_first, shortest, longest = (round(s / frame_s) for s in (FIRST_S, *GAP_S))
    last = len(source.timestamps_s) - 1 - round(LIMIT_S / frame_s)  # that a detour may begin at
    cuts = np.linspace(num_first, last - shortest, num_cuts).astype(int) // stride * stride
    place = _Place(source, config, truth)
    for index in range(0, int(cuts[-1]) + 1, stride):
        place.integrate(index)
        if index in cuts:
            there = index + int(rng.integers(shortest, min(longest, last - index), endpoint=True))
            tracker = dense_tracker(config.tracking, has_map=True, recogniser=place.places)
            for where, first in (
                (f"resumed at {index}", index),
                (f"{index} to {there}", there),
                (f"{there} back to {index}", index),
            ):
                yield _tracked(place, tracker, first, where, frame_s)


class _Place:
    """What has been mapped of a source, at its true poses, and one clock for all detours."""

    def __init__(self, source: Source, config: Config, truth: Mapping[int, Transform]) -> None:
        self.source, self.config, self.truth = source, config, truth
        self.map = new_map(config, source.depth_noise)
        self.places = new_places(PlacesConfig())
        self.time_s = 0.0

    def frame(self, index: int) -> Frame:
        """Read a frame."""
        return clamped(self.source.read(index), self.source.camera, self.config.playback)

    def integrate(self, index: int) -> None:
        """Map a frame."""
        frame = self.frame(index)
        self.map.integrate(frame, self.truth[index])
        self.places.remember(frame, self.truth[index])

    def sees_map(self, frame: Frame) -> bool:
        """Whether at least half of a frame shows what is mapped."""
        return support(self.map, frame, self.truth[frame.index]).known > MIN_SEEN


def _tracked(place: _Place, tracker: Tracker, first: int, where: str, frame_s: float) -> Kidnap:
    """Show the frames from `first` on, until the camera is found or has had its second."""
    kidnap = Kidnap(where)
    num_seen = num_unseen = num_after = 0
    place.time_s += GAP_S[0]
    for index in range(first, first + round(2 * LIMIT_S / frame_s)):
        if index not in place.truth:
            break
        place.time_s += frame_s
        frame = replace(place.frame(index), timestamp_s=place.time_s)
        result = tracker.track(frame, place.map)
        sees_map = place.sees_map(frame)
        num_seen += sees_map
        num_unseen += not sees_map
        if result.state is not TrackState.LOST:
            _check(kidnap, place.truth[index], index, result)
            num_after += 1
            if kidnap.frames_until_found is None:
                kidnap.frames_until_found = num_seen
        is_over = num_seen * frame_s >= LIMIT_S or (num_seen == 0 and num_unseen >= NUM_UNSEEN)
        if num_after > NUM_AFTER or (is_over and num_after == 0):
            break
    kidnap.sees_map = num_seen > 0
    return kidnap


def _check(kidnap: Kidnap, T_true: Transform, index: int, result: TrackResult) -> None:
    T_error = inverse(T_true) @ result.T_world_camera
    error_m = float(np.linalg.norm(T_error[:3, 3]))
    error_deg = float(np.degrees(rotation_angle_rad(T_error[:3, :3])))
    kidnap.error_m = max(kidnap.error_m, error_m)
    if error_m > MAX_ERROR_M or error_deg > MAX_ERROR_DEG:
        kidnap.wrong.append(
            f"{kidnap.where}: frame {index} {result.state.value} but {100 * error_m:.1f} cm, "
            f"{error_deg:.1f} deg off (inliers {result.inlier_ratio:.2f})"
        )
