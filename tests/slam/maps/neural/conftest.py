"""A neural map of the synthetic room at true poses, in half the camera's resolution."""

from dataclasses import dataclass

import numpy as np
import pytest

from slam.camera import Camera
from slam.frame import Frame
from slam.geometry import Transform, transform_points
from slam.maps.neural.map import NeuralMap
from slam.scenes.scene import Scene
from slam.sources.synthetic import SyntheticSource, open_synthetic


@dataclass
class Room:
    """Frames of a source and where they were taken."""

    scene: Scene
    frames: list[Frame]
    Ts_world_camera: dict[int, Transform]

    def integrated_by(self, map_: NeuralMap) -> NeuralMap:
        for frame in self.frames:
            map_.integrate(frame, self.Ts_world_camera[frame.index])
        return map_

    def points(self, frame: Frame, step: int = 5) -> np.ndarray:
        """Return true surface points, one of `step` x `step` pixels of a frame."""
        camera = frame.camera
        v, u = np.mgrid[2 : camera.height : step, 2 : camera.width : step]
        z = frame.depth_m[v, u].astype(np.float64)
        x, y = (u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z
        points = np.stack([x, y, z], axis=-1)[z > 0]
        return transform_points(self.Ts_world_camera[frame.index], points).astype(np.float32)


def see_source(source: SyntheticSource, camera: Camera, index: int, has_mover=True) -> Frame:
    """Render a frame of a source in another camera."""
    timestamp_s = float(source.timestamps_s[index])
    scene = source.scene.joined(source.movers(timestamp_s)) if has_mover else source.scene
    depth_m, color = scene.render(camera, source.ground_truth().Ts_world_camera[index])
    return Frame(index, timestamp_s, camera, depth_m, color, source.depth_noise)


@pytest.fixture(scope="session")
def see_frame():
    return see_source


@pytest.fixture(scope="session")
def room() -> Room:
    """Every fourth of the first frames of the room."""
    source = open_synthetic("room", 48)
    camera = source.camera.scaled(0.5)
    frames = [see_source(source, camera, index) for index in range(0, 48, 4)]
    return Room(source.scene, frames, dict(enumerate(source.ground_truth().Ts_world_camera)))


@pytest.fixture(scope="session")
def make_room_map(make_neural, room):
    """Map the room; four times the steps, and keyframes as far apart, as if every frame was
    mapped.
    """

    def make(**config) -> NeuralMap:
        values = {"steps": 12, "keyframe_every": 2, "budget_mb": 512} | config
        return room.integrated_by(make_neural(**values))

    return make


@pytest.fixture(scope="session")
def room_map(make_room_map) -> NeuralMap:
    """The room, mapped with the defaults; tests only read it."""
    return make_room_map()
