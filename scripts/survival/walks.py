"""Whole walks: what becomes of their frames, and how far off the poses are."""

from collections import Counter
from dataclasses import dataclass

from slam import Config, Slam
from slam.errors import SlamError
from slam.evaluation.trajectory import evaluate_trajectory
from slam.sources.base import Source
from slam.sources.depth_range import clamped
from slam.tracking.base import TrackState


@dataclass(frozen=True)
class Walked:
    """What became of a walk."""

    num_frames: int
    num_ok: int
    num_lost: int
    ate_m: float | None  # None where no pose has a true one


def walked(source: Source, config: Config, num_frames: int) -> Walked:
    """Go through a source, or its first frames."""
    states: Counter[TrackState] = Counter()
    used = range(min(len(source.timestamps_s), num_frames))
    with Slam.from_config(config, source.depth_noise, "cpu") as slam:
        for i in used:
            result = slam.step(clamped(source.read(i), source.camera, config.playback))
            states[result.state] += 1
    ate_m, truth = None, source.ground_truth()
    if truth is not None:
        try:
            ate_m = evaluate_trajectory(slam.trajectory(), truth).ate_rmse_m
        except SlamError:  # too few poses
            pass
    return Walked(len(used), states[TrackState.OK], states[TrackState.LOST], ate_m)
