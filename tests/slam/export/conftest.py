"""A finished run made by hand: the synthetic room with its true poses, in our kind of world."""

from dataclasses import replace

import numpy as np
import pytest

from slam.config import Config, NoiseConfig
from slam.geometry import inverse, transform_points
from slam.journal import FrameRecord
from slam.runs.folder import RunFolder
from slam.sources.synthetic import open_synthetic
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

INDICES = range(0, 60, 10)
LOST, WEAK = 20, 30


@pytest.fixture(scope="session")
def room():
    return open_synthetic("room")


@pytest.fixture(scope="session")
def T_world_scene(room):
    return inverse(room.ground_truth().Ts_world_camera[0])


@pytest.fixture(scope="session")
def make_run(room, T_world_scene):
    """Write the run of every tenth frame into a folder; frame 20 is lost, frame 30 weak."""

    def make(path, **metrics):
        folder = RunFolder(path)
        records = [_record(room, index) for index in INDICES]
        tracked = [record.index for record in records if record.state is not TrackState.LOST]
        poses = T_world_scene @ room.ground_truth().Ts_world_camera[tracked]
        mesh = room.scene.mesh()
        vertices_m = transform_points(T_world_scene, mesh.vertices_m.astype(np.float64))
        folder.write_config(Config(noise=NoiseConfig(model="none")))
        folder.write_trajectory(Trajectory(room.timestamps_s[tracked], poses))
        folder.write_frames(records)
        folder.write_metrics({"source": "synthetic:room", "frames": len(records)} | metrics)
        folder.write_mesh(replace(mesh, vertices_m=vertices_m.astype(np.float32)))
        return path

    return make


@pytest.fixture(scope="session")
def run_dir(make_run, tmp_path_factory):
    """The run; tests only read it."""
    return make_run(tmp_path_factory.mktemp("run"))


def _record(room, index):
    state = {LOST: TrackState.LOST, WEAK: TrackState.WEAK}.get(index, TrackState.OK)
    return FrameRecord(index, float(room.timestamps_s[index]), state, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0)
