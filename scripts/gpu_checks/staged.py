"""Tracker and map in one thread, one stage after the other, with marks round each."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gpu_checks.systems import parts
from gpu_checks.timing import Clock, Hook, hooked
from kernels.cuda import graph
from kernels.cuda.launch import IS_SIMULATED
from slam.config import Config
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map

WARM_UP_FRAMES = 10
NUM_FRAMES = 50


class TimedAligner:
    """Stands in for the tracker's aligner and marks the begin and the end of what it does."""

    def __init__(self, aligner: Any, stages: "StageMarks") -> None:
        self._aligner = aligner
        self._stages = stages

    def load(self, frame: Frame) -> None:
        with self._stages.measure("prepare"):
            self._aligner.load(frame)

    def align(self, map_: Map, T_start: Any, scatter: float = 1.0, with_color: bool = True) -> Any:
        with self._stages.measure("align"):
            return self._aligner.align(map_, T_start, scatter, with_color)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aligner, name)


class StageMarks:
    """Marks round the stages of every frame."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marks: dict[str, list[tuple[Any, Any]]] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Mark begin and end of a stage."""
        start = self._clock.mark()
        yield
        self._marks.setdefault(stage, []).append((start, self._clock.mark()))

    def clear(self) -> None:
        """Forget what was measured."""
        self._marks = {}

    def medians_ms(self) -> dict[str, float]:
        """Return the median of each stage."""
        return {
            stage: statistics.median(self._clock.elapsed_ms(start, end) for start, end in marks)
            for stage, marks in self._marks.items()
        }


def num_warm_up(num_frames: int) -> int:
    """Return how many of so many frames come before those that are measured."""
    return min(WARM_UP_FRAMES, num_frames - 1)


def run_stages(
    config: Config, frames: Sequence[Frame], clock: Clock, hook: Hook | None = None
) -> tuple[StageMarks, Map, Transform]:
    """Run tracker and map in one thread, one stage after the other; return the last pose, too.

    The marks are those of the frames after the warm-up, and so are the launches that `hook` is
    entered at.
    """
    marks = StageMarks(clock)
    tracker, map_ = parts(config, frames[0], "cuda")
    tracker._aligner = TimedAligner(tracker._aligner, marks)
    T_world_camera = np.eye(4)
    first = num_warm_up(len(frames))
    for part, its_hook in ((frames[:first], None), (frames[first:], hook)):
        marks.clear()
        with hooked(its_hook):
            for frame in part:
                T_world_camera = tracker.track(frame, map_).T_world_camera
                with marks.measure("integrate"):
                    map_.integrate(frame, T_world_camera)
    return marks, map_, T_world_camera


@contextmanager
def one_by_one() -> Iterator[None]:
    """Launch one by one what graphs would replay."""
    graph.replays = False
    try:
        yield
    finally:
        graph.replays = not IS_SIMULATED
