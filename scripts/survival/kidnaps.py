"""Kidnaps: some seconds are cut out of a walk, and the camera goes on elsewhere.

The walk is tracked and mapped up to each cut. What follows the cut is then shown to the tracker,
unmapped, until it has found its place or one second has passed in which it saw mapped surface; then
the walk goes on where it was left, which is a kidnap back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from slam import Config, Slam
from slam.frame import Frame
from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.sources.base import Source
from slam.sources.playback import clamped
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.free_space import agreement

GAP_S = 2.0, 10.0
FIRST_S = 2.0  # mapped before the first cut
LIMIT_S = 1.0  # in which the camera has to be found
MIN_SEEN = 0.5  # share of the readings on mapped surface, from which a frame sees it
NUM_UNSEEN = 3  # frames tried where it is not seen
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


@dataclass
class Walk:
    """A source under one clock that cuts and detours move on, and the system that it feeds."""

    source: Source
    config: Config
    truth: Mapping[int, Transform]  # T_world_camera, by frame index
    unmapped: set[int] = field(default_factory=set)
    num_steps: int = 0
    time_s: float = 0.0

    def __post_init__(self) -> None:
        self.slam = Slam.from_config(self.config, self.source.depth_noise, "cpu")
        self.slam._unmapped = self.unmapped
        self.T_world_truth: Transform = np.eye(4)

    def step(self, index: int, wait_s: float, is_mapped: bool) -> tuple[Frame, TrackResult]:
        """Show a frame, so long after the last."""
        self.time_s += wait_s
        frame = clamped(self.source.read(index), self.source.camera, self.config.playback)
        frame = replace(frame, index=self.num_steps, timestamp_s=self.time_s)
        if not is_mapped:
            self.unmapped.add(self.num_steps)
        result = self.slam.step(frame)
        if is_mapped:  # recognition is measured from here: how the map drifts is another question
            self.T_world_truth = result.T_world_camera @ inverse(self.truth[index])
        self.num_steps += 1
        return frame, result

    def true_pose(self, index: int) -> Transform:
        """Return where a frame was taken, in the world of the map."""
        return self.T_world_truth @ self.truth[index]

    def sees_map(self, frame: Frame, index: int) -> bool:
        """Whether at least half of a frame shows what is mapped."""
        return agreement(self.slam.map, frame, self.true_pose(index)).known > MIN_SEEN


def kidnaps(
    source: Source,
    config: Config,
    truth: Mapping[int, Transform],
    num_cuts: int,
    stride: int,
    seed: int,
) -> Iterator[Kidnap]:
    """Walk through a source with cuts; yield two kidnaps a cut, there and back."""
    rng = np.random.default_rng(seed)
    frame_s = float(np.median(np.diff(source.timestamps_s)))
    num_first, shortest, longest = (round(s / frame_s) for s in (FIRST_S, *GAP_S))
    last = len(source.timestamps_s) - 1 - round(LIMIT_S / frame_s)  # that a detour may begin at
    cuts = np.linspace(num_first, last - shortest, num_cuts).astype(int) // stride * stride
    walk = Walk(source, config, truth)
    wait_s = 0.0
    for index in range(0, int(cuts[-1]) + 1, stride):
        walk.step(index, wait_s, is_mapped=True)
        wait_s = stride * frame_s
        if index in cuts:
            gap = int(rng.integers(shortest, min(longest, last - index), endpoint=True))
            there, gap_s = index + gap, gap * frame_s
            yield _tracked(walk, there, gap_s, f"{index} to {there}", frame_s)
            yield _tracked(walk, index, gap_s, f"{there} back to {index}", frame_s)
    walk.slam.finish()


def _tracked(walk: Walk, first: int, gap_s: float, where: str, frame_s: float) -> Kidnap:
    """Show the frames from `first` on, until the camera is found or has had its second."""
    kidnap = Kidnap(where)
    num_seen = num_unseen = num_after = 0
    for number in range(round(2 * LIMIT_S / frame_s)):
        index = first + number
        if index >= len(walk.source.timestamps_s):
            break
        frame, result = walk.step(index, gap_s if number == 0 else frame_s, is_mapped=False)
        sees_map = walk.sees_map(frame, index)
        num_seen += sees_map
        num_unseen += not sees_map
        if result.state is not TrackState.LOST:
            _check(kidnap, walk.true_pose(index), index, result)
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
