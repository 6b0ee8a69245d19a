"""Where the true surface of a recording is looked for."""

import pytest

from slam.sources.true_mesh import true_mesh_path


@pytest.fixture
def room(tmp_path):
    folder = tmp_path / "room0"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("place", ["gt_mesh.ply", "../room0_mesh.ply", "mesh.ply"])
def test_it_is_found(room, place, monkeypatch):
    assert true_mesh_path(str(room)) is None
    (room / place).touch()
    assert true_mesh_path(str(room)) == (room / place).resolve()
    monkeypatch.chdir(room)
    assert true_mesh_path(".") == (room / place).resolve()


def test_the_mesh_of_a_run_is_not_the_truth(room):
    (room / "mesh.ply").touch()
    (room / "metrics.json").touch()
    assert true_mesh_path(str(room)) is None


@pytest.mark.parametrize("spec", ["synthetic:room", "realsense", "nowhere", "file.bag"])
def test_only_folders_have_one(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.bag").touch()
    assert true_mesh_path(spec) is None
