"""Runs the contenders in turns and measures each run."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slam.bench.contender import Contender, Outcome
from slam.bench.memory import PeakMemory
from slam.errors import SlamError
from slam.evaluation.trajectory import evaluate_trajectory
from slam.frame import Frame
from slam.trajectory import Trajectory


@dataclass(frozen=True)
class Measurement:
    """One run of one contender. Figures that do not apply are None."""

    frames: int
    wall_s: float
    fps: float | None  # of the processed frames, reading and decoding not included
    ate_rmse_m: float | None  # over the processed frames that have a pose and a true pose
    lost: int | None
    stages_ms: dict[str, dict[str, float]]  # p50, p95, max of each stage
    map_mb: float  # blocks in use
    peak_rss_mb: float  # of the whole process, the decoded frames included
    added_rss_mb: float | None  # of this run alone
    error: str  # why it ended early


def measure(
    contenders: Sequence[Contender],
    frames: Sequence[Frame],
    truth: Trajectory | None,
    repeats: int,
    on_run: Callable[[str, Measurement], None],
) -> dict[str, list[Measurement]]:
    """Warm everyone up, then let them run in turns: a slow spell of the machine hits all alike."""
    if repeats < 1:
        raise SlamError(f"--repeats {repeats}: at least 1 run is needed")
    for contender in contenders:
        contender.warm_up(frames)
    runs: dict[str, list[Measurement]] = {contender.name: [] for contender in contenders}
    for _ in range(repeats):
        for contender in contenders:
            gc.collect()  # the last run's map
            memory = PeakMemory()
            measurement = _measurement(contender.run(frames), truth, memory)
            runs[contender.name].append(measurement)
            on_run(contender.name, measurement)
    return runs


def _measurement(outcome: Outcome, truth: Trajectory | None, memory: PeakMemory) -> Measurement:
    return Measurement(
        frames=outcome.num_frames,
        wall_s=outcome.wall_s,
        fps=outcome.num_frames / outcome.wall_s if outcome.num_frames else None,
        ate_rmse_m=_ate_rmse_m(outcome.trajectory, truth),
        lost=outcome.num_lost,
        stages_ms={name: times.summary() for name, times in outcome.stages.items()},
        map_mb=outcome.map_mb,
        peak_rss_mb=memory.peak_mb,
        added_rss_mb=memory.added_mb,
        error=outcome.error,
    )


def _ate_rmse_m(trajectory: Trajectory, truth: Trajectory | None) -> float | None:
    if truth is None:
        return None
    try:
        return evaluate_trajectory(trajectory, truth).ate_rmse_m
    except SlamError:  # too few poses to align
        return None
