"""What is compared: our system with one of its maps. Open3D's is in `slam.bench.open3d_slam`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import cv2

from slam.config import Config
from slam.device import CPU, Device, DeviceKind
from slam.frame import Frame
from slam.runs.warmup import warm_up
from slam.system import Slam
from slam.timing import StageTimes
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory


@dataclass(frozen=True)
class Outcome:
    """One pass over the frames. `error` says why it ended early; the rest is what came before."""

    num_frames: int
    wall_s: float
    trajectory: Trajectory
    stages: dict[str, StageTimes]  # "tracking" is one of them
    map_mb: float
    num_lost: int | None  # None: the contender does not say
    error: str = ""


@runtime_checkable  # the tests check argument types at run time
class Contender(Protocol):
    """A whole SLAM system that makes poses of frames."""

    name: str

    def warm_up(self, frames: Sequence[Frame]) -> None:
        """Do, before any clock runs, what only the first run has to do."""
        ...

    def run(self, frames: Sequence[Frame]) -> Outcome:
        """Run over the frames, as fast as it can, from an empty map."""
        ...


class SlamContender:
    """Our system as `slam run` has it, mapping thread and all; only the frames come from memory."""

    def __init__(self, map_name: str, config: Config, device: Device = CPU) -> None:
        self.name = map_name
        self._device: DeviceKind = device.kind
        self._config = replace(config, map=map_name)

    def warm_up(self, frames: Sequence[Frame]) -> None:
        """Compile or load the kernels."""
        warm_up([self._config], self._device)

    def run(self, frames: Sequence[Frame]) -> Outcome:
        """Run until the last frame is mapped."""
        cv2.setNumThreads(1)  # as in `slam.runs.single`
        config = self._config
        slam = Slam.from_config(config, frames[0].depth_noise, self._device)
        start_s = time.perf_counter()
        try:
            for frame in frames:
                slam.step(frame)
        finally:
            slam.finish()
        return Outcome(
            num_frames=len(frames),
            wall_s=time.perf_counter() - start_s,
            trajectory=slam.trajectory(),
            stages={"tracking": slam.journal.tracking_times, "mapping": slam.journal.mapping_times},
            map_mb=slam.map.nbytes / 1e6,
            num_lost=slam.journal.count(TrackState.LOST),
        )
