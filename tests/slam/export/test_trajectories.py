"""Trajectories, read back by evo."""

import numpy as np
from evo.tools import file_interface

from slam.export.run import export_run
from slam.runs.finished import load_run


def test_evo_reads_both(run_dir, tmp_path):
    ours = load_run(run_dir).trajectory
    assert len(ours) == 5  # one of six is lost
    assert export_run(run_dir, "tum", tmp_path / "tum.txt").startswith("5 poses of 6 frames")
    tum = file_interface.read_tum_trajectory_file(tmp_path / "tum.txt")
    np.testing.assert_allclose(tum.timestamps, ours.timestamps_s, atol=1e-6)
    np.testing.assert_allclose(tum.poses_se3, ours.Ts_world_camera, atol=1e-7)
    export_run(run_dir, "kitti", tmp_path / "kitti.txt")
    kitti = file_interface.read_kitti_poses_file(tmp_path / "kitti.txt")
    np.testing.assert_allclose(kitti.poses_se3, ours.Ts_world_camera, atol=1e-9)
