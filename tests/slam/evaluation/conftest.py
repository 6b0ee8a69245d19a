"""Results of several systems on one recording, made by hand: a camera moves before a wall, 2 m off,
and each system has put the wall at a depth of its own.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import Config
from slam.frame import Frame
from slam.geometry import inverse, se3_exp
from slam.journal import FrameRecord
from slam.maps.base import Mesh
from slam.meshio import write_ply
from slam.runs.folder import RunFolder
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory, tum_text

NUM = 60
RGB = (200, 120, 40)
T_SCENE_WORLD = se3_exp(np.array([3.0, -2.0, 1.0, 0.4, 1.0, -0.3]))  # world = first camera


@dataclass
class WallRecording:
    """A source whose wall fills every image."""

    has_truth: bool = True
    name: str = "wall"

    def __post_init__(self):
        self.camera = Camera(64, 48, 52.5, 52.5, 31.5, 23.5)
        self.depth_noise = DepthNoise.rendered()
        self.timestamps_s = np.arange(NUM) / 30.0

    def read(self, index: int) -> Frame:
        depth_m = np.full((48, 64), 2.0, dtype=np.float32)
        color = np.full((48, 64, 3), RGB, dtype=np.uint8)
        stamp_s = float(self.timestamps_s[index])
        return Frame(index, stamp_s, self.camera, depth_m, color, self.depth_noise)

    def ground_truth(self) -> Trajectory | None:
        path = path_in_world()
        truth = Trajectory(path.timestamps_s, T_SCENE_WORLD @ path.Ts_world_camera)
        return truth if self.has_truth else None


def path_in_world() -> Trajectory:
    time_s = np.arange(NUM) / 30.0
    twists = np.zeros((NUM, 6))
    twists[:, 0], twists[:, 1] = 0.1 * np.sin(time_s), 0.1 * (1 - np.cos(time_s))
    return Trajectory(time_s, np.array([se3_exp(twist) for twist in twists]))


def wall_mesh(depth_m: float) -> Mesh:
    """A wall of 3 x 3 m, seen from its front."""
    vertices_m = np.array([[x, y, depth_m] for y in (-1.5, 1.5) for x in (-1.5, 1.5)])
    triangles = np.array([[0, 2, 1], [1, 2, 3]], dtype=np.int32)
    return Mesh(vertices_m.astype(np.float32), np.full((4, 3), RGB, dtype=np.uint8), triangles)


WALL, CONFIG = wall_mesh(2.0), Config()


@pytest.fixture(scope="session")
def wall():
    """The mesh of the wall at a depth, in the world of the first camera."""
    return wall_mesh


@pytest.fixture(scope="session")
def recording():
    return WallRecording()


@pytest.fixture(scope="session")
def recording_without_truth():
    return WallRecording(has_truth=False)


@pytest.fixture(scope="session")
def path():
    """The true path, in the world of its first camera."""
    return path_in_world()


@pytest.fixture(scope="session")
def write_ours():
    """Write a run of ours into a folder; None as the mesh leaves it out."""

    def write(folder_path, mesh=WALL, config=CONFIG, num_poses=NUM, **metrics):
        folder = RunFolder(folder_path)
        folder.write_config(config)
        path = path_in_world()
        path = Trajectory(path.timestamps_s[:num_poses], path.Ts_world_camera[:num_poses])
        folder.write_trajectory(path)
        folder.write_online_trajectory(path)
        folder.write_metrics(
            {"source": "wall", "map": config.map, "frames": NUM, "tracked": num_poses} | metrics
        )
        folder.write_frames(
            [
                FrameRecord(i, i / 30.0, TrackState.OK, 5.0, 9.0, 0.001, 0.9, 0.1, 2.5)
                for i in range(NUM)
            ]
        )
        if mesh is not None:
            folder.write_mesh(mesh)
        return folder_path

    return write


@pytest.fixture(scope="session")
def write_other():
    """Write another system's result, in a world of its own and 3 ms late."""

    def write(folder_path, mesh=WALL):
        T_other_world = inverse(se3_exp(np.array([-1.0, 0.5, 2.0, 0.0, 0.7, 0.2])))
        path = path_in_world()
        folder_path.mkdir()
        (folder_path / "trajectory.txt").write_text(
            tum_text(Trajectory(path.timestamps_s + 0.003, T_other_world @ path.Ts_world_camera))
        )
        if mesh is not None:
            vertices_m = mesh.vertices_m @ T_other_world[:3, :3].T + T_other_world[:3, 3]
            write_ply(
                folder_path / "mesh.ply", replace(mesh, vertices_m=vertices_m.astype(np.float32))
            )
        return folder_path

    return write
