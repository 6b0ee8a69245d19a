"""The scores of a system: a mesh is brought to the truth by more than the positions."""

import numpy as np
import pytest

from slam.evaluation.scores import scored
from slam.evaluation.systems import SystemRun
from slam.evaluation.world import moved_mesh
from slam.meshio import write_ply
from slam.trajectory import Trajectory

pytest.importorskip("open3d", exc_type=ImportError)


@pytest.mark.parametrize("drift_mm", [0.0, 3.0])
def test_drift_on_a_short_path_does_not_turn_the_mesh(recording, path, wall, tmp_path, drift_mm):
    """Of millimetres over 15 cm positions alone make a degree, and of it centimetres in 2 m."""
    write_ply(tmp_path / "mesh.ply", wall(2.0))
    Ts_world_camera = path.Ts_world_camera.copy()
    Ts_world_camera[:, 2, 3] += 1e-3 * drift_mm * np.linspace(0.0, 1.0, len(path))
    drifted = Trajectory(path.timestamps_s, Ts_world_camera)
    truth = moved_mesh(wall(2.0), recording.ground_truth().Ts_world_camera[0])
    system = scored(SystemRun("short", drifted, tmp_path / "mesh.ply"), recording, truth)
    assert system.metrics["mesh"]["accuracy_cm"] < 0.1 * drift_mm + 0.01
    assert system.metrics["mesh"]["f1"] > 0.99
