"""Frames of analytic scenes in a camera of 160 x 120, so that each takes milliseconds."""

from collections.abc import Callable

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import TsdfConfig
from slam.frame import Frame
from slam.maps.tsdf import TsdfMap
from slam.scenes.scene import Builder, Material, Scene

CAMERA = Camera(160, 120, 131.0, 131.0, 79.3, 59.7)
PAINT = Material((200, 60, 40), (180, 50, 30), "pattern", 0.02)


def look(position_m, target_m) -> np.ndarray:
    """Return the level T_world_camera at a position that looks at a target; world z is up."""
    forward = np.subtract(target_m, position_m) / np.linalg.norm(np.subtract(target_m, position_m))
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = position_m
    return T


def wall_scene(has_box: bool = False) -> Scene:
    """A wall whose front is y = 0, and perhaps a box before it with its front at y = -0.5."""
    b = Builder()
    b.box(0, 0.5, -3.0, (6.0, 1.0, 6.0), PAINT)
    if has_box:
        b.box(0, -0.35, -0.2, (0.4, 0.3, 0.4), PAINT)
    return b.build("wall")


@pytest.fixture
def see() -> Callable[..., Frame]:
    """Render a frame of a scene at a pose."""

    def render(scene: Scene, T_world_camera: np.ndarray, index: int = 0, has_color=True) -> Frame:
        depth_m, color = scene.render(CAMERA, T_world_camera)
        return Frame(
            index,
            index / 30,
            CAMERA,
            depth_m,
            color if has_color else None,
            DepthNoise.rendered(),
        )

    return render


@pytest.fixture
def make_map() -> Callable[..., TsdfMap]:
    def make(initial_capacity: int = 4096, **config) -> TsdfMap:
        values = {"voxel_size_m": 0.02} | config
        return TsdfMap(TsdfConfig(**values), DepthNoise.rendered(), initial_capacity)

    return make
