"""Tracker and map of a device, run over frames."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slam.config import Config
from slam.device import DeviceKind
from slam.frame import Frame
from slam.maps.base import Map
from slam.maps.factory import new_map
from slam.system import Slam
from slam.tracking.base import Tracker, TrackState
from slam.tracking.factory import dense_tracker
from slam.trajectory import Trajectory


@dataclass(frozen=True)
class Pass:
    """What a whole system makes of some frames."""

    map: Map
    Ts_world_camera: np.ndarray  # (n, 4, 4), as tracked
    trajectory: Trajectory  # as refined at the end
    is_mapped: np.ndarray  # (n,): state OK
    seconds: float


def parts(config: Config, frame: Frame, device: DeviceKind) -> tuple[Tracker, Map]:
    """Make a tracker and an empty map."""
    return dense_tracker(config.tracking, device), new_map(config, frame.depth_noise, device)


def run_system(config: Config, frames: Sequence[Frame], device: DeviceKind) -> Pass:
    """Track and map all frames, one after the other; LOST frames keep the pose that they have."""
    tracker, map_ = parts(config, frames[0], device)
    start_s = time.perf_counter()
    with Slam(tracker, map_, config.deterministic) as slam:
        results = [slam.step(frame) for frame in frames]
        slam.finish()
        seconds = time.perf_counter() - start_s
    poses = np.array([result.T_world_camera for result in results])
    is_mapped = np.array([result.state is TrackState.OK for result in results])
    return Pass(map_, poses, slam.trajectory(), is_mapped, seconds)


def synchronize() -> None:
    """Wait for the device; raises what went wrong on it."""
    import torch

    from kernels.cuda.launch import IS_SIMULATED

    if not IS_SIMULATED:
        torch.cuda.synchronize()
