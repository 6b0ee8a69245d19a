"""Exports of a run folder, through the command line; and which frames are keyframes."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from slam.cli import main
from slam.errors import SlamError
from slam.export.keyframes import every_nth, keyframes
from slam.export.run import FORMATS, export_run
from slam.meshio import read_mesh, write_ply
from slam.runs.finished import load_run
from slam.runs.replay import replay
from slam.sources.synthetic import open_synthetic


@pytest.fixture
def copied(run_dir, tmp_path):
    return shutil.copytree(run_dir, tmp_path / "run")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_a_place_in_the_run(copied, format, capsys):
    assert main(["export", str(copied), "--format", format]) == 0
    path = copied / "export" / FORMATS[format][1]
    assert path.exists()
    assert str(path) in capsys.readouterr().out


def test_the_help_names_every_format(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    words = capsys.readouterr().out.replace(",", " ").split()
    assert set(FORMATS) <= set(words)


def test_predicted_surface_is_a_file_of_its_own_and_asked_for(copied, tmp_path):
    mesh = read_mesh(copied / "mesh.ply")
    is_predicted = mesh.vertices_m[:, 2] > 1.0
    marked = replace(mesh, is_predicted=is_predicted)
    write_ply(copied / "mesh.ply", marked)
    out = tmp_path / "other.ply"
    export = ["export", str(copied), "--format", "ply", "--out", str(out)]
    for words in (["--predicted", "yes"], []):
        assert main([*export, *words]) == 0
        np.testing.assert_array_equal(read_mesh(out).triangles, marked.observed().triangles)
        beside = tmp_path / "other_predicted.ply"
        assert beside.is_file() == bool(words)
        if words:
            assert len(read_mesh(beside).triangles) == len(marked.predicted().triangles) > 0
    assert 0 < len(marked.observed().triangles) < len(mesh.triangles)


def test_a_scene_holds_predicted_surface_if_asked_to(copied, tmp_path):
    mesh = read_mesh(copied / "mesh.ply")
    write_ply(copied / "mesh.ply", replace(mesh, is_predicted=mesh.vertices_m[:, 2] > 1.0))
    sizes = []
    for word in ("no", "yes"):
        out = tmp_path / f"{word}.glb"
        words = ["export", str(copied), "--format", "glb", "--predicted", word, "--out", str(out)]
        assert main(words) == 0
        sizes.append(out.stat().st_size)
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "obj"], "unknown format 'obj'; choose one of ply, glb, points, tum, kitti"),
        (["--format", "ply", "--every", "2"], "--every chooses images; ply has none"),
        (["--format", "nerfstudio", "--every", "0"], "n must be at least 1, got 0"),
    ],
)
def test_mistakes_are_one_line(run_dir, words, message, capsys):
    assert main(["export", str(run_dir), *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (run_dir / "export" / "nerfstudio").exists()


def test_a_source_that_is_gone_is_one_line(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run", source=str(tmp_path / "gone"))
    with pytest.raises(SlamError, match=r"the images of this run are gone: .*gone does not exist"):
        export_run(run_dir, "nerfstudio")
    export_run(run_dir, "points")  # needs no images


def test_a_run_without_a_mesh_says_how_to_get_one(copied):
    (copied / "mesh.ply").unlink()
    with pytest.raises(SlamError, match="`slam mesh RUN` extracts one"):
        export_run(copied, "glb")
    export_run(copied, "kitti")


def test_another_recording_is_refused(run_dir):
    run = load_run(run_dir)
    with pytest.raises(SlamError, match="synthetic:room is not what the run was made of"):
        list(replay(run, open_synthetic("room", num_frames=5), run.frames[1:]))


def test_weak_and_lost_frames_are_not_chosen(run_dir):
    run = load_run(run_dir)
    assert [record.index for record in every_nth(run, 1)] == [0, 10, 40, 50]
    assert [record.index for record in every_nth(run, 2)] == [0, 40]


def test_keyframes_see_something_else_than_the_one_before(run_dir, room):
    run = load_run(run_dir)
    truth = room.ground_truth().Ts_world_camera
    indices = [record.index for record in keyframes(run)]
    assert indices[0] == 0
    for index in (10, 40, 50):
        last = max(i for i in indices if i < index)
        T = np.linalg.inv(truth[last]) @ truth[index]
        angle_deg = np.degrees(np.arccos(np.clip((np.trace(T[:3, :3]) - 1) / 2, -1, 1)))
        is_elsewhere = np.linalg.norm(T[:3, 3]) > 0.1 or angle_deg > 10
        assert (index in indices) == is_elsewhere
    assert 1 < len(indices)
