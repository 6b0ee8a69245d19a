"""Frames of an analytic scene in a camera of 160 x 120, so that each takes milliseconds."""

from collections.abc import Callable

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import ImplicitConfig, NeuralConfig, TsdfConfig
from slam.frame import Frame
from slam.maps.neural.map import NeuralMap
from slam.maps.tsdf.map import TsdfMap
from slam.scenes.scene import Builder, Material

CAMERA = Camera(160, 120, 131.0, 131.0, 79.3, 59.7)
RED = Material((200, 40, 40), (200, 40, 40), "plaster", 0.02)


def look(position_m, target_m=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Return the level T_world_camera at a position that looks at a target; world z is up."""
    forward = np.subtract(target_m, position_m) / np.linalg.norm(np.subtract(target_m, position_m))
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = position_m
    return T


@pytest.fixture(scope="session")
def see() -> Callable[..., tuple[Frame, np.ndarray]]:
    """See a wall whose front is the plane y = 0, and perhaps a box before it with its front at
    y = -0.5, from a position, level, looking at a target; return the frame, `zoom` times as large,
    and its pose.
    """

    def render(
        position_m=(0.0, -1.5, 0.0),
        has_box=False,
        has_color=True,
        index=0,
        zoom=1.0,
        target_m=(0.0, 0.0, 0.0),
        camera=CAMERA,
    ):
        b = Builder()
        b.box(0, 0.5, -5.0, (10.0, 1.0, 10.0), RED)
        if has_box:
            b.box(0, -0.35, -0.2, (0.4, 0.3, 0.4), RED)
        T_world_camera = look(position_m, target_m)
        camera = camera.scaled(zoom)
        depth_m, color = b.build("wall").render(camera, T_world_camera)
        color = color if has_color else None
        noise = DepthNoise.rendered()
        return Frame(index, index / 30, camera, depth_m, color, noise), T_world_camera

    return render


@pytest.fixture(scope="session")
def make_map() -> Callable[..., TsdfMap]:
    def make(initial_capacity: int = 4096, **config) -> TsdfMap:
        values = {"voxel_size_m": 0.02} | config
        return TsdfMap(TsdfConfig(**values), DepthNoise.rendered(), initial_capacity)

    return make


@pytest.fixture(scope="session")
def make_neural() -> Callable[..., NeuralMap]:
    def make(**config) -> NeuralMap:
        values = {"budget_ms": 0.0, "budget_mb": 256} | config
        return NeuralMap(NeuralConfig(**values), DepthNoise.rendered())

    return make


@pytest.fixture(scope="session")
def make_implicit() -> Callable:
    """Make a map whose network is small: it learns a wall in a second."""
    from slam.maps.implicit.map import ImplicitMap  # which brings torch along

    def make(**config) -> ImplicitMap:
        values = {
            "encoding": "fourier", "layers": 2, "width": 64, "points": 1024, "first_steps": 100,
            "budget_ms": 0.0, "rate": 0.005,
        } | config  # fmt: skip
        return ImplicitMap(ImplicitConfig(**values), DepthNoise.rendered())

    return make


@pytest.fixture(params=["tsdf", "neural"])
def make_any(request, make_map, make_neural, monkeypatch) -> Callable[..., TsdfMap | NeuralMap]:
    """Make a map of either kind, its voxels 2 cm apart."""

    def make(initial_capacity: int = 4096, **config) -> NeuralMap:
        monkeypatch.setattr("slam.maps.neural.grid.FIRST_CAPACITY", initial_capacity)
        return make_neural(**{"base_spacing_m": 0.02, "fine_spacing_m": 0.04} | config)

    return make_map if request.param == "tsdf" else make
