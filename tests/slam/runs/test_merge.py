"""Runs of overlapping parts of a room become one map."""

import json
from functools import cache

import numpy as np
import pytest

from slam.cli import main
from slam.evaluation.trajectory import evaluate_trajectory
from slam.maps.factory import MAPS, load_map
from slam.meshio import read_mesh
from slam.runs.finished import load_run
from slam.sources.synthetic import open_synthetic
from slam.trajectory import Trajectory, read_tum

pytestmark = pytest.mark.usefixtures("small_images")
LIMIT, STRIDE = 26, 4
FIRST = 60  # of the second run: it begins where the first one has been, and goes elsewhere
QUICK = ["--stride", str(STRIDE), "--limit", str(LIMIT), "--tsdf.voxel-size-m", "0.02"]
QUICK += ["--neural.budget-ms", "0", "--neural.budget-mb", "512", "--device", "cpu"]


@pytest.fixture(scope="module")
def runs_of(small_images, tmp_path_factory):
    """Return what makes two runs over parts of the room that overlap, each in its own world."""

    @cache
    def made(kind):
        folder = tmp_path_factory.mktemp(kind)
        paths = [folder / "one", folder / "other"]
        for path, start in zip(paths, (0, FIRST), strict=True):
            words = ["run", "synthetic:room", *QUICK, "--start", str(start), "--map", kind]
            assert main([*words, "--out", str(path)]) == 0
        return paths

    return made


@pytest.fixture
def runs(runs_of):
    return runs_of("tsdf")


def area_m2(folder) -> float:
    mesh = read_mesh(folder / "mesh.ply")
    a, b, c = mesh.vertices_m[mesh.triangles].transpose(1, 0, 2)
    return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())


@pytest.mark.parametrize("kind", MAPS)
def test_two_parts_become_one_map(runs_of, kind, tmp_path, capsys):
    runs = runs_of(kind)
    capsys.readouterr()
    out = tmp_path / "whole"
    assert main(["merge", *map(str, runs), "--out", str(out)]) == 0
    assert "2 runs" in capsys.readouterr().out
    merged = load_run(out)
    own = [load_run(path) for path in runs]
    parts = [read_tum(out / f"trajectory_{number}.txt") for number in (1, 2)]
    assert [len(part) for part in parts] == [len(run.trajectory) for run in own]
    np.testing.assert_array_equal(merged.trajectory.Ts_world_camera, parts[0].Ts_world_camera)
    assert merged.metrics["joined_by"] >= 4
    truth = open_synthetic("room").ground_truth()
    both = Trajectory(
        np.concatenate([parts[0].timestamps_s, parts[1].timestamps_s + 100.0]),
        np.concatenate([part.Ts_world_camera for part in parts]),
    )
    true_twice = truth.followed_by(Trajectory(truth.timestamps_s + 100.0, truth.Ts_world_camera))
    assert evaluate_trajectory(both, true_twice).ate_rmse_m < 0.01
    assert type(load_map(out / "map.npz")) is type(load_map(runs[0] / "map.npz"))
    areas_m2 = [area_m2(path) for path in (*runs, out)]
    assert max(areas_m2[:2]) * 1.05 < areas_m2[2] < sum(areas_m2[:2])


def refused(words, capsys) -> str:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_runs_without_a_common_place_are_not_merged(runs, tmp_path, capsys):
    desk = tmp_path / "desk"
    assert main(["run", "synthetic:desk", *QUICK, "--out", str(desk)]) == 0
    capsys.readouterr()
    out = tmp_path / "out"
    error = refused(["merge", str(runs[0]), str(desk), "--out", str(out)], capsys)
    assert str(desk) in error
    assert not out.exists()


def test_what_cannot_be_merged_is_said_in_one_line(runs, tmp_path, capsys):
    one = str(runs[0])
    assert "two or more" in refused(["merge", one, "--out", str(tmp_path / "a")], capsys)
    assert "two or more" in refused(["merge", one, one, "--out", str(tmp_path / "a")], capsys)
    assert "--out" in refused(["merge", one, str(runs[1]), "--out", one], capsys)
    assert json.loads((runs[0] / "metrics.json").read_text())["tracked"] > 0
