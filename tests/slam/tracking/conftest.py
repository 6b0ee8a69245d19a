"""Frames of the synthetic scenes, 640 x 480, along a motion that each test chooses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import TrackingConfig, TsdfConfig
from slam.frame import Frame
from slam.maps.tsdf.map import TsdfMap
from slam.scenes import room, wall
from slam.scenes.scene import Scene
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.dense import DenseTracker
from slam.tracking.factory import dense_tracker

CAMERA = Camera(640, 480, 525.0, 525.0, 319.3, 239.8)
SCENES = {"room": room, "wall": wall}


@cache
def _scene(name: str) -> tuple[Scene, np.ndarray]:
    """A scene, and the pose where its walk begins."""
    return SCENES[name].scene(), SCENES[name].walk().poses(1)[0]


@pytest.fixture(scope="session")
def see() -> Callable[..., Frame]:
    """Render a frame of a scene, at a pose relative to the beginning of its walk."""

    def render(T_first_camera, index=0, scene="room", has_color=True) -> Frame:
        solids, T_scene_first = _scene(scene)
        depth_m, color = solids.render(CAMERA, T_scene_first @ T_first_camera)
        color = color if has_color else None
        return Frame(index, index / 30, CAMERA, depth_m, color, DepthNoise.rendered())

    return render


@dataclass
class Rig:
    """A tracker and a map that run in turns, as the system runs them."""

    config: TrackingConfig
    has_map: bool = False
    map: TsdfMap = field(init=False)
    tracker: DenseTracker = field(init=False)

    def __post_init__(self) -> None:
        self.map = TsdfMap(TsdfConfig(), DepthNoise.rendered())
        self.tracker = dense_tracker(self.config, has_map=self.has_map)

    def step(self, frame: Frame) -> TrackResult:
        result = self.tracker.track(frame, self.map)
        if result.state is TrackState.OK:
            self.map.integrate(frame, result.T_world_camera)
        return result


@pytest.fixture
def make_rig() -> Callable[..., Rig]:
    def make(has_map: bool = False, **config) -> Rig:
        return Rig(TrackingConfig(**config), has_map)

    return make
