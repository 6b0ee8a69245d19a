"""Fusing a finished run again: the same map at the same poses, a moved one at moved poses."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from slam.cli import main
from slam.config import Config, NeuralConfig, PlaybackConfig, TrackingConfig, TsdfConfig
from slam.geometry import se3_exp, transform_points
from slam.maps.factory import MAPS, load_map
from slam.meshio import read_mesh
from slam.runs.finished import load_run
from slam.runs.folder import RunFolder
from slam.runs.single import RunOptions, run
from slam.tracking.pieces import APART_M
from slam.trajectory import Trajectory

NUM_FRAMES = 8
CONFIG = Config(
    deterministic=True,
    playback=PlaybackConfig(limit=NUM_FRAMES, max_depth_m=10.0),
    tracking=TrackingConfig(learn_noise=False),
    tsdf=TsdfConfig(voxel_size_m=0.02),
    neural=NeuralConfig(budget_mb=512, adjust_poses=False),
)


@pytest.fixture(scope="module", params=MAPS)
def finished(request, room, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run(room, replace(CONFIG, map=request.param), RunOptions(folder, "synthetic:room"))
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy")


def surface_distances_m(folder, points):
    return np.abs(load_map(folder / "map.npz").query(points).sdf_m)


def test_at_the_same_poses_the_map_is_the_same(finished, copy, capsys):
    assert main(["rebuild", str(copy)]) == 0
    assert str(copy) in capsys.readouterr().out
    before, after = load_run(finished), load_run(copy)
    assert after.config == before.config
    np.testing.assert_array_equal(
        after.trajectory.Ts_world_camera, before.trajectory.Ts_world_camera
    )
    assert after.frames == before.frames
    metrics = json.loads((copy / "metrics.json").read_text())
    assert metrics["rebuilt"] is True
    assert metrics["keyframes"] == before.metrics["keyframes"] > 0
    assert metrics["ate_rmse_m"] == before.metrics["ate_rmse_m"]
    with np.load(finished / "map.npz") as was, np.load(copy / "map.npz") as now:
        assert set(now) == set(was)
        np.testing.assert_array_equal(now["places_counts"], was["places_counts"])
    mesh = read_mesh(finished / "mesh.ply").observed()
    # the file of the trajectory rounds poses to a nanometre
    assert np.quantile(surface_distances_m(copy, mesh.vertices_m), 0.99) < 0.001
    assert len(read_mesh(copy / "mesh.ply").vertices_m) == pytest.approx(
        len(read_mesh(finished / "mesh.ply").vertices_m), rel=0.001
    )


def test_the_map_is_where_the_final_poses_are(finished, copy):
    was = load_run(copy).trajectory
    T_new_old = se3_exp(np.array([0.7, -0.4, 0.2, 0.1, 0.3, -0.2]))
    RunFolder(copy).write_trajectory(Trajectory(was.timestamps_s, T_new_old @ was.Ts_world_camera))
    assert main(["rebuild", str(copy)]) == 0
    mesh = read_mesh(finished / "mesh.ply").observed()
    moved = transform_points(T_new_old, mesh.vertices_m)
    assert np.median(surface_distances_m(copy, moved)) < 0.002
    with np.load(finished / "map.npz") as before, np.load(copy / "map.npz") as after:
        np.testing.assert_allclose(
            after["places_poses"], T_new_old @ before["places_poses"], atol=1e-6
        )


def said_of(copy, capsys, *options) -> str:
    """Return the one line that refuses a rebuild, and check that the run was left alone."""
    before = {path: path.read_bytes() for path in copy.iterdir() if path.name != "run.log"}
    assert main(["rebuild", str(copy), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before
    return error


def with_metrics(copy, **changed):
    metrics = json.loads((copy / "metrics.json").read_text())
    RunFolder(copy).write_metrics(metrics | changed)


def test_what_cannot_be_fused_again_is_said_in_one_line(copy, capsys, tmp_path):
    with_metrics(copy, source="realsense")
    assert "stream" in said_of(copy, capsys)
    with_metrics(copy, source=str(tmp_path / "nowhere"))
    assert "--source" in said_of(copy, capsys)
    assert "gone" in said_of(copy, capsys, "--source", str(tmp_path / "nor-here"))
    with_metrics(copy, source="synthetic:room", begun_with="/other/map.npz")
    assert "/other/map.npz" in said_of(copy, capsys)
    with_metrics(copy, begun_with=None)
    (copy / "frames.csv").unlink()
    assert "frames.csv" in said_of(copy, capsys)
    assert main(["rebuild", str(tmp_path / "none")]) == 2


def test_all_pieces_are_fused_and_each_has_its_mesh(finished, copy):
    """The first half of the frames in the world as it is, the rest where nobody knows."""
    was = load_run(copy).trajectory
    half, far = NUM_FRAMES // 2 + 1, np.eye(4)
    far[0, 3] = APART_M
    folder = RunFolder(copy)
    folder.write_trajectory(Trajectory(was.timestamps_s[:half], was.Ts_world_camera[:half]))
    folder.write_part(2, Trajectory(was.timestamps_s[half:], far @ was.Ts_world_camera[half:]))
    loops = load_run(copy).metrics["loops"] | {"pieces": 2}
    with_metrics(copy, loops=loops)
    assert main(["rebuild", str(copy)]) == 0
    main_x, other_x = (
        read_mesh(copy / name).observed().vertices_m[:, 0] for name in ("mesh.ply", "mesh_2.ply")
    )
    assert len(main_x) > 1000
    assert np.abs(main_x).max() < APART_M / 2
    assert len(other_x) > 1000
    assert np.abs(other_x - APART_M).max() < APART_M / 2
    for offset, name in ((np.eye(4), "mesh.ply"), (far, "mesh_2.ply")):
        mesh = read_mesh(copy / name).observed()
        assert np.median(surface_distances_m(copy, mesh.vertices_m)) < 0.002
        own = transform_points(np.linalg.inv(offset), mesh.vertices_m)
        assert np.median(surface_distances_m(finished, own)) < 0.005
