"""The command line: each command on a few synthetic frames, and each mistake in one line."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from slam.cli import main
from slam.cli.progress import summary
from slam.config_file import load_config
from slam.maps.base import Mesh
from slam.maps.tsdf.map import TsdfMap
from slam.meshio import read_mesh, write_ply
from slam.runs.finished import load_run

pytestmark = pytest.mark.usefixtures("small_images")
FILES = {
    "config.yaml", "frames.csv", "graph.json", "map.npz", "mesh.ply", "metrics.json", "report.html",
    "run.log", "trajectory.txt", "trajectory_online.txt",
}  # fmt: skip
EMPTY = Mesh(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8), np.empty((0, 3), np.int32))
COARSE = ["--tsdf.voxel-size-m", "0.02"]


@pytest.fixture(scope="module")
def finished(small_images, tmp_path_factory):
    """A finished run of 8 frames; tests only read it."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(["run", "synthetic:wall", "--limit", "8", *COARSE, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(finished, tmp_path):
    """A finished run that a test may change."""
    return shutil.copytree(finished, tmp_path / "copied")


@pytest.fixture(scope="module", params=["tum", "replica"])
def recording(small_images, request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    words = ["synth", str(folder), "--scene", "wall", "--format", request.param, "--frames", "5"]
    assert main(words) == 0
    return folder


@pytest.fixture
def fails(capsys):
    """Run a command that must fail with exit code 2 and one line, and return the line."""

    def run(*words) -> str:
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        # progress bars are redrawn in place; what ends with a newline was said
        said = [line.split("\r")[-1] for line in captured.err.splitlines()]
        said = [line for line in said if line.startswith("slam: ")]
        assert len(said) == 1, captured.err
        assert "Traceback" not in captured.err
        assert captured.err.endswith(said[0] + "\n")
        return said[0]

    return run


def test_run_writes_every_file(finished):
    assert {path.name for path in finished.iterdir()} == FILES
    run = load_run(finished)
    assert run.config.playback.limit == 8
    assert run.config.tsdf.voxel_size_m == 0.02
    assert load_config([finished / "config.yaml"]) == run.config
    assert len(run.trajectory) == len(run.frames) == 8
    assert len(read_mesh(run.mesh_path).triangles) > 1000
    assert TsdfMap.load(run.map_path).config == run.config.tsdf
    assert run.metrics["ate_rmse_m"] < 0.0005
    assert "<html" in (finished / "report.html").read_text()


def test_a_run_ends_with_a_summary(tmp_path, capsys):
    words = ["run", "synthetic:wall", "--limit", "2", *COARSE, "--out", str(tmp_path)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "2 frames" in out
    assert "tracked 2, lost 0, ends OK" in out
    assert str(tmp_path) in out
    assert main(words) == 0  # into the same folder


def test_config_fields_and_files_are_options(tmp_path):
    file = tmp_path / "more.yaml"
    file.write_text("tsdf: {voxel_size_m: 0.03, max_weight: 7}\nplayback: {stride: 5}\n")
    words = ["run", "--config", str(file), "--tsdf.voxel_size_m=0.04", "--tracking.geometry"]
    words += ["projective", "synthetic:wall", "--limit=3", "--stride", "2", "--noise", "kinect"]
    words += ["--noise.outliers", "0.05", "--deterministic", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    run = load_run(tmp_path / "run")
    config = run.config
    assert (config.tsdf.voxel_size_m, config.tsdf.max_weight) == (0.04, 7.0)
    assert (config.playback.stride, config.playback.limit) == (2, 3)
    assert (config.noise.model, config.noise.outliers) == ("kinect", 0.05)
    assert config.tracking.geometry == "projective"
    assert config.deterministic
    assert [record.index for record in run.frames] == [0, 2, 4]


def test_a_run_starts_at_a_later_frame(tmp_path):
    words = ["run", "synthetic:wall", "--start", "5", "--stride", "2", "--limit", "3", *COARSE]
    assert main([*words, "--out", str(tmp_path)]) == 0
    run = load_run(tmp_path)
    assert [record.index for record in run.frames] == [5, 7, 9]
    assert run.metrics["ate_rmse_m"] < 0.0005


def test_noise_makes_it_worse(tmp_path, finished):
    words = ["run", "synthetic:wall", "--limit", "8", *COARSE, "--noise", "kinect"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    clean, noisy = load_run(finished).metrics, load_run(tmp_path).metrics
    assert noisy["tracked"] == 8
    assert clean["ate_rmse_m"] < noisy["ate_rmse_m"] < 0.005  # a pixel's sigma at 1.75 m is 3.7 mm


def test_given_poses_are_followed_and_get_no_score(tmp_path):
    words = ["run", "synthetic:wall", "--use-gt-poses", "--limit", "4", *COARSE]
    assert main([*words, "--out", str(tmp_path)]) == 0
    metrics = load_run(tmp_path).metrics
    assert metrics["tracked"] == 4
    assert "ate_rmse_m" not in metrics


def test_a_run_is_resumed(tmp_path):
    words = ["run", "synthetic:room", "--limit", "5", *COARSE]
    assert main([*words, "--out", str(tmp_path / "first")]) == 0
    words += ["--resume", str(tmp_path / "first" / "map.npz")]
    assert main([*words, "--out", str(tmp_path / "second")]) == 0
    first, second = load_run(tmp_path / "first"), load_run(tmp_path / "second")
    assert [record.state.value for record in second.frames] == 5 * ["OK"]
    assert second.metrics["ate_rmse_m"] < 0.0005
    np.testing.assert_allclose(
        second.trajectory.positions_m, first.trajectory.positions_m, atol=0.001
    )


def test_a_run_is_localised_in_a_saved_map(tmp_path):
    words = ["run", "synthetic:room", "--limit", "4"]
    assert main([*words, *COARSE, "--out", str(tmp_path / "first")]) == 0
    saved = tmp_path / "first" / "map.npz"
    words += ["--localize-only", "--out", str(tmp_path / "second")]
    assert main([*words, "--resume", str(saved)]) == 0
    run = load_run(tmp_path / "second")
    assert run.metrics["tracked"] == 4
    before, after = TsdfMap.load(saved), TsdfMap.load(run.map_path)
    assert before.num_integrated == after.num_integrated


@pytest.mark.parametrize("noise", ["none", "kinect"])
def test_held_out_frames_score_the_rendering(tmp_path, capsys, noise):
    words = ["run", "synthetic:room", "--limit", "12", "--stride", "2", "--holdout", "4"]
    assert main([*words, *COARSE, "--noise", noise, "--out", str(tmp_path)]) == 0
    assert main(["eval", str(tmp_path)]) == 0
    assert "rendering psnr_db" in capsys.readouterr().out
    scores = load_run(tmp_path).metrics["rendering"]
    assert scores["num_frames"] == 3
    assert 20.0 < scores["psnr_db"] < 40.0
    assert scores["psnr_all_db"] < scores["psnr_db"]
    assert 0.0 < scores["hole_ratio"] < 0.2
    # a pixel's sigma at 2 m is 5 mm with the noise, which is in the measured depth
    low_cm, high_cm = (0.0, 1.0) if noise == "none" else (0.2, 2.0)
    assert low_cm < scores["depth_l1_cm"] < high_cm
    assert "Held-out frames" in (tmp_path / "report.html").read_text()


def test_a_run_is_scored_again(copied, capsys):
    metrics = json.loads((copied / "metrics.json").read_text())
    (copied / "report.html").unlink()
    assert main(["eval", str(copied)]) == 0
    assert "ATE" in capsys.readouterr().out
    again = json.loads((copied / "metrics.json").read_text())
    assert again["ate_rmse_m"] == pytest.approx(metrics["ate_rmse_m"], rel=1e-4)
    assert again["fps"] == metrics["fps"]
    assert again["mesh"]  # the scene's own surface is known
    assert (copied / "report.html").is_file()


def test_a_run_that_cannot_be_written_is_scored_into_a_report_elsewhere(
    copied, tmp_path, capsys, monkeypatch
):
    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    monkeypatch.setattr("slam.report.results.os.access", lambda path, mode: path != copied)
    assert main(["eval", str(copied), "--out", str(tmp_path / "page.html")]) == 0
    said = capsys.readouterr()
    assert "ATE" in said.out
    assert said.err.count("cannot be written: its metrics and report stay as they are") == 1
    assert (tmp_path / "page.html").is_file()
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


def test_several_results_are_compared(copied, tmp_path, capsys, monkeypatch):
    """A run of ours, and one that is taken for another system's."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("trajectory.txt", "mesh.ply"):
        shutil.copy(copied / name, other)
    monkeypatch.chdir(tmp_path)
    assert main(["eval", str(copied), str(other)]) == 0
    out = capsys.readouterr().out
    assert "written to comparison.html" in out
    assert "other: tracked 8; ATE 0.0" in out
    assert "other: mesh accuracy_cm" in out
    assert "other: recording depth_median_cm" in out
    html = (tmp_path / "comparison.html").read_text()
    assert "Where the meshes disagree most" in html
    assert "Depth errors against the recording" in html
    assert load_run(copied).metrics["recording"]["hole_ratio"] < 0.1
    assert "The mesh" in (copied / "report.html").read_text()
    assert {path.name for path in other.iterdir()} == {"trajectory.txt", "mesh.ply"}


def test_another_system_s_result_needs_its_recording(copied, tmp_path, fails):
    for name in ("config.yaml", "metrics.json"):
        (copied / name).unlink()
    assert "give --source" in fails("eval", copied)
    words = ["eval", str(copied), "--source", "synthetic:wall", "--out", str(tmp_path / "a.html")]
    assert main(words) == 0
    assert "Report of copied" in (tmp_path / "a.html").read_text()


def test_runs_of_different_recordings_are_not_compared(copied, tmp_path, fails):
    second = shutil.copytree(copied, tmp_path / "second")
    metrics = json.loads((second / "metrics.json").read_text())
    (second / "metrics.json").write_text(json.dumps(metrics | {"source": "synthetic:room"}))
    line = fails("eval", copied, second)
    assert "copied of synthetic:wall, second of synthetic:room; --source names the one" in line
    assert "is given twice" in fails("eval", copied, copied)


def test_a_mesh_is_extracted_again(copied, tmp_path, capsys):
    first = (copied / "mesh.ply").read_bytes()
    (copied / "mesh.ply").unlink()
    assert main(["mesh", str(copied)]) == 0
    assert (copied / "mesh.ply").read_bytes() == first
    assert main(["mesh", str(copied), "--out", str(tmp_path / "other.ply")]) == 0
    assert (tmp_path / "other.ply").read_bytes() == first
    assert "triangles" in capsys.readouterr().out


def test_an_empty_mesh_replaces_none(copied, monkeypatch, fails):
    """Such as that of a network asked on a grid far coarser than its surfaces."""
    before = (copied / "mesh.ply").read_bytes()
    monkeypatch.setattr(TsdfMap, "mesh", lambda self, voxel_size_m=None: EMPTY)
    line = fails("mesh", copied, "--voxel-size-m", "0.5")
    assert "has no surface at --voxel-size-m 0.5: give a smaller one" in line
    assert (copied / "mesh.ply").read_bytes() == before


def test_the_predicted_part_of_a_mesh_is_a_file_of_its_own(copied, monkeypatch, capsys):
    extract = TsdfMap.mesh

    def guess(self, voxel_size_m=None):
        mesh = extract(self, voxel_size_m)
        return replace(mesh, is_predicted=mesh.vertices_m[:, 0] > 0)

    monkeypatch.setattr(TsdfMap, "mesh", guess)
    for word, is_whole in (("yes", True), ("no", False)):
        assert main(["mesh", str(copied), "--predicted", word]) == 0
        mesh = read_mesh(copied / "mesh.ply")
        assert not (mesh.vertices_m[:, 0] > 0).any()
        assert mesh.is_predicted is None
        assert len(mesh.triangles) > 1000
        beside = copied / "mesh_predicted.ply"
        assert beside.is_file() == is_whole == (str(beside) in capsys.readouterr().out)
        if is_whole:
            guessed = read_mesh(beside)
            assert (guessed.vertices_m[guessed.triangles][:, :, 0] > 0).any(axis=1).all()
            assert len(guessed.triangles) > 1000


def test_a_neural_map_is_run_meshed_and_resumed(tmp_path):
    small = ["--map", "neural", "--neural.budget-mb", "256"]
    words = ["run", "synthetic:room", "--limit", "3", "--out", str(tmp_path / "first")]
    assert main([*words, *small]) == 0
    first = load_run(tmp_path / "first")
    assert (first.config.map, first.config.neural.budget_mb) == ("neural", 256)
    assert first.metrics["ate_rmse_m"] < 0.0005
    assert read_mesh(first.mesh_path).is_predicted is None
    predicted_path = tmp_path / "first" / "mesh_predicted.ply"
    assert len(read_mesh(predicted_path).triangles) > 100
    assert main(["mesh", str(tmp_path / "first"), "--predicted", "no"]) == 0
    assert not predicted_path.exists()
    words[-1] = str(tmp_path / "second")  # the file says which map it is
    assert main([*words, "--resume", str(first.map_path), "--localize-only"]) == 0
    second = load_run(tmp_path / "second")
    assert second.config.neural == first.config.neural
    assert second.metrics["tracked"] == 3


def test_a_written_recording_is_run(recording, tmp_path):
    assert main(["run", str(recording), *COARSE, "--out", str(tmp_path)]) == 0
    run = load_run(tmp_path)
    assert run.metrics["tracked"] == 5
    assert run.metrics["ate_rmse_m"] < 0.0005  # the depth is rounded to 0.2 mm
    assert main(["eval", str(tmp_path)]) == 0  # the true mesh is in the recording
    assert load_run(tmp_path).metrics["mesh"]["f1"] > 0.7


@pytest.mark.parametrize("recording", ["tum"], indirect=True)
def test_a_mesh_of_another_world_in_a_recording_is_left_out(recording, tmp_path, capsys):
    moved = shutil.copytree(recording, tmp_path / "moved")
    mesh = read_mesh(recording / "mesh.ply")
    write_ply(moved / "mesh.ply", replace(mesh, vertices_m=mesh.vertices_m + np.float32(50.0)))
    assert main(["run", str(moved), *COARSE, "--out", str(tmp_path / "run")]) == 0
    assert main(["eval", str(tmp_path / "run")]) == 0
    said = capsys.readouterr()
    assert "is not what the true poses see" in said.err
    assert "mesh f1" not in said.out
    words = ["eval", str(tmp_path / "run"), "--gt-mesh", str(recording / "mesh.ply")]
    assert main(words) == 0
    assert load_run(tmp_path / "run").metrics["mesh"]["f1"] > 0.7


def test_a_recording_whose_true_poses_are_missing(recording, tmp_path, fails):
    bare = shutil.copytree(recording, tmp_path / "bare")
    for name in ("groundtruth.txt", "traj.txt"):
        (bare / name).unlink(missing_ok=True)
    line = fails("run", bare, "--use-gt-poses", "--out", tmp_path / "refused")
    assert "no true poses" in line
    assert main(["run", str(bare), *COARSE, "--out", str(tmp_path / "run")]) == 0
    metrics = load_run(tmp_path / "run").metrics
    assert metrics["tracked"] == 5
    assert metrics.get("ate_rmse_m") is None
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert main(["eval", str(tmp_path / "run")]) == 0


def test_doctor_says_what_is_there(capsys):
    code = main(["doctor"])
    out = capsys.readouterr().out
    assert code in (0, 1)
    assert "numba" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["run", "synthetic:room", "--tsdf.voxel-siez-m", "0.01"],
            "did you mean --tsdf.voxel-size-m?",
        ),
        (["run", "synthetic:room", "--tsdf.voxel-size-m", "large"], "must be a number"),
        (
            ["run", "synthetic:room", "--tsdf.voxel-size-m"],
            "argument --tsdf.voxel-size-m: expected one argument",
        ),
        (["run", "synthetic:room", "--neural.rays", "many"], "neural.rays must be int"),
        (
            ["run", "synthetic:room", "--map", "neural", "--neural.truncation-m", "0.01"],
            "neural.truncation_m must be 2 spacings of the base (0.025) .. 1, got 0.01",
        ),
        (["run", "synthetic:room", "--config", "missing.yaml"], "missing.yaml"),
        (["run", "synthetic:cellar"], "unknown synthetic scene 'cellar'"),
        ([], "arguments are required: COMMAND; see slam --help"),
        (["dance"], "invalid choice: 'dance'"),
        (["run"], "arguments are required: source; see slam run --help"),
        (["run", "x", "--pace", "fast"], "must be one of max, realtime; got 'fast'"),
        (["run", "x", "--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
        (["run", "synthetic:wall", "--start", "200"], "has 200 frames: none is left from 200"),
        (["run", "no/such/folder"], "no/such/folder does not exist"),
        (["run", "."], "is in no known format"),
        (["run", "realsense"], "no RealSense camera is connected"),
        (["run", "synthetic:room", "--fast"], "unknown option --fast"),
        (["run", "synthetic:room", "--fast=1"], "unknown option --fast"),
        (["run", "synthetic:room", "more"], "unknown argument more"),
        (["run", "synthetic:room", "--viewer", "monocle"], "--viewer must be none, rerun, web or"),
        (
            ["run", "synthetic:room", "--noise", "loud"],
            "must be one of none, kinect, stereo; got 'loud'",
        ),
        (["run", "synthetic:room", "--resume", "missing.npz"], "missing.npz: no such map file"),
        (["run", "synthetic:room", "--localize-only"], "give --resume MAP"),
        (["run", "synthetic:room", "--holdout", "1"], "holdout must be 0 (none) or at least 2"),
        (["run", "synthetic:room", "--limit", "-1"], "playback.limit must be at least 0, got -1"),
        (["run", "synthetic:room", "--stride", "0"], "playback.stride must be at least 1, got 0"),
        (["run", "synthetic:room", "--stride", "-1"], "playback.stride must be at least 1, got -1"),
        (["eval", "no-run"], "no run folder at no-run"),
        (["eval", "."], ". is not a finished run: config.yaml is missing"),
        (["mesh", "no-run"], "no run folder at no-run"),
        (["mesh", "."], ". is not a finished run"),
        (["eval", ".", "--tsdf.voxel-size-m", "0.01"], "unknown option --tsdf.voxel-size-m"),
        (["synth", "out", "--scene", "cellar"], "unknown synthetic scene 'cellar'"),
        (["synth", "out", "--frames", "-1"], "synthetic.frames must be at least 0, got -1"),
        (["doctor", "more"], "unknown argument more"),
    ],
)
def test_a_mistake_is_one_line(words, says, fails, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert says in fails(*words)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_damaged_map_is_not_resumed(copied, tmp_path, fails, share):
    path = copied / "map.npz"
    os.truncate(path, int(share * path.stat().st_size))
    line = fails("run", "synthetic:wall", "--resume", path, "--out", tmp_path / "run")
    assert "map.npz is not a readable map file" in line


def test_a_run_without_its_map_has_no_mesh(copied, fails):
    (copied / "map.npz").unlink()
    assert "has no saved map" in fails("mesh", copied)


def test_a_run_with_damaged_metrics(copied, fails):
    (copied / "metrics.json").write_text("{")
    assert "metrics.json" in fails("eval", copied)


def test_a_true_mesh_that_is_not_there(copied, fails, tmp_path):
    assert "none.ply" in fails("eval", copied, "--gt-mesh", tmp_path / "none.ply")


def test_an_output_that_is_a_file(tmp_path, fails):
    (tmp_path / "file").write_text("")
    assert "cannot create run folder" in fails("run", "synthetic:wall", "--out", tmp_path / "file")


def test_a_full_disk(tmp_path, fails, monkeypatch):
    """The mesh does not fit; everything that comes before and after it does."""

    def write_ply(path, mesh):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("slam.runs.folder.write_ply", write_ply)
    line = fails("run", "synthetic:wall", "--limit", "3", *COARSE, "--out", tmp_path)
    assert line.endswith("mesh.ply: No space left on device")
    assert {path.name for path in tmp_path.iterdir()} >= FILES - {"mesh.ply", "report.html"}
    TsdfMap.load(tmp_path / "map.npz")


def test_a_recording_of_bad_frames_only(recording, tmp_path, fails):
    broken = shutil.copytree(recording, tmp_path / "broken")
    for path in [*broken.glob("depth/*.png"), *broken.glob("results/depth*.png")]:
        path.write_bytes(path.read_bytes()[:100])
    line = fails("run", broken, "--out", tmp_path / "run")
    assert "truncated, corrupt or no image" in line


def test_a_bad_frame_in_the_middle_is_skipped(recording, tmp_path):
    broken = shutil.copytree(recording, tmp_path / "broken")
    path = sorted([*broken.glob("depth/*.png"), *broken.glob("results/depth*.png")])[2]
    path.write_bytes(path.read_bytes()[:100])
    assert main(["run", str(broken), *COARSE, "--out", str(tmp_path / "run")]) == 0
    run = load_run(tmp_path / "run")
    assert (run.metrics["frames"], run.metrics["bad_frames"]) == (4, 1)
    assert run.metrics["tracked"] == 4
    assert "skipped frame 2" in (tmp_path / "run" / "run.log").read_text()


def test_a_run_that_had_nothing_left_to_do_has_no_speed():
    metrics = {"frames": 8, "tracked": 8, "lost": 0, "final_state": "OK", "map_mb": 3.0}
    assert summary(metrics | {"fps": 31.26}).startswith("8 frames, 31.3 fps; tracked 8")
    assert summary(metrics | {"fps": 0.0}).startswith("8 frames, none of them new; tracked 8")


def test_a_comparison_without_maps_to_go_on_with_is_named_once(tmp_path, fails):
    line = fails("compare", "synthetic:wall", "--resume", tmp_path, "--out", tmp_path / "out")
    assert line.count(str(tmp_path)) == 1
    assert line.endswith("no such map file")
