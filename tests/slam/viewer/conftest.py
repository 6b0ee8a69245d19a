"""A short walk through the synthetic room in both maps, with its true poses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import NeuralConfig, TsdfConfig
from slam.frame import Frame
from slam.geometry import inverse
from slam.maps.neural.map import NeuralMap
from slam.maps.tsdf.map import TsdfMap
from slam.sources.synthetic import open_synthetic
from slam.tracking.base import TrackResult, TrackState
from slam.trajectory import Trajectory
from slam.viewer import process
from slam.viewer.base import MapView, Snapshot


@pytest.fixture(autouse=True)
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let viewers of tests that run at the same time not meet at rerun's own ports."""
    monkeypatch.setattr(process, "DATA_PORT", 0)
    monkeypatch.setattr(process, "PAGE_PORT", 0)


@dataclass(frozen=True)
class Walk:
    """Frames of 160x120, their poses in the world of the first, and the true ones in another."""

    frames: list[Frame]
    Ts_world_camera: np.ndarray
    truth: Trajectory


@pytest.fixture(scope="session")
def walk() -> Walk:
    source = open_synthetic("room")
    truth = source.ground_truth()
    camera = source.camera.scaled(0.25)
    frames = []
    for k in range(12):
        depth_m, color = source.scene.render(camera, truth.Ts_world_camera[k])
        noise = DepthNoise.rendered()
        frames.append(Frame(k, 100.0 + k / 30, camera, depth_m, color, noise))
    Ts = inverse(truth.Ts_world_camera[0]) @ truth.Ts_world_camera[: len(frames)]
    return Walk(frames, Ts, Trajectory(truth.timestamps_s + 100.0, truth.Ts_world_camera))


@pytest.fixture
def make_maps() -> Callable[[], dict[str, TsdfMap | NeuralMap]]:
    def make() -> dict[str, TsdfMap | NeuralMap]:
        noise = DepthNoise.rendered()
        return {
            "tsdf": TsdfMap(TsdfConfig(voxel_size_m=0.02), noise, 4096),
            "neural": NeuralMap(NeuralConfig(budget_ms=0.0, budget_mb=256), noise),
        }

    return make


def tracked(T_world_camera: np.ndarray, state: TrackState = TrackState.OK) -> TrackResult:
    return TrackResult(T_world_camera, state, "", 0.002, 0.9, 0.1, 3)


@pytest.fixture
def run_through(walk: Walk) -> Callable[..., Iterator[Snapshot]]:
    """Map frame after frame and yield what a viewer is shown of each."""

    def run(maps, frames=slice(None), state=TrackState.OK) -> Iterator[Snapshot]:
        for frame, T in zip(walk.frames[frames], walk.Ts_world_camera[frames], strict=True):
            for map_ in maps.values():
                map_.integrate(frame, T)
            views = (MapView(name, map_, tracked(T, state)) for name, map_ in maps.items())
            yield Snapshot(frame, tuple(views), 30.0)

    return run
