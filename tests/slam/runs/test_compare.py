"""Whole comparisons: two systems on one source."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import slam.runs.compare
import slam.runs.single
from slam.cli import main
from slam.config import CompareConfig, Config, NeuralConfig, PlaybackConfig, TsdfConfig
from slam.errors import SlamError
from slam.evaluation.trajectory import evaluate_trajectory
from slam.maps.factory import MAPS, new_map
from slam.runs.compare import compare
from slam.runs.folder import load_run
from slam.runs.single import RunOptions, run
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.followed import FollowedPoses, Leader

CONFIG = Config(
    deterministic=True,
    playback=PlaybackConfig(max_depth_m=10.0),
    tsdf=TsdfConfig(voxel_size_m=0.02),
    neural=NeuralConfig(budget_mb=512),
)


def against(name):
    return replace(CONFIG, compare=CompareConfig(track_against=name))


def options(out: Path, **others) -> RunOptions:
    return RunOptions(out, "synthetic:room", **others)


@pytest.fixture(scope="module")
def compared(room, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    comparison = compare(room, CONFIG, options(folder))
    return folder, comparison


@pytest.fixture
def without_report(monkeypatch):
    """Leave out the joint report, which takes longer than the comparison of so few frames."""

    def metrics_only(run_dirs, source, report_path):
        systems = {run_dir.name: load_run(run_dir).metrics for run_dir in run_dirs}
        return {"systems": systems, "mesh_difference": None}

    monkeypatch.setattr(slam.runs.compare, "compare_runs", metrics_only)


def test_a_comparison_leaves_a_run_folder_for_each_map(compared, room):
    folder, comparison = compared
    assert {path.name for path in folder.iterdir()} == {
        *MAPS, "comparison.json", "report.html", "run.log"
    }  # fmt: skip
    assert json.loads((folder / "comparison.json").read_text()).keys() == comparison.keys()
    for name in MAPS:
        finished = load_run(folder / name)
        assert finished.config == replace(CONFIG, map=name)
        assert finished.metrics["frames"] == comparison["maps"][name]["frames"]
        assert finished.metrics["map"] == name
        assert finished.metrics["ate_rmse_m"] < 0.001
        assert len(finished.trajectory) == len(room.timestamps_s)
        assert finished.mesh_path is not None
    assert comparison["frames"] == len(room.timestamps_s)
    assert comparison["fps"] == pytest.approx(comparison["frames"] / comparison["wall_s"])


def test_no_system_knows_that_it_is_compared(compared, room, tmp_path):
    folder, _ = compared
    for name in MAPS:
        run(room, replace(CONFIG, map=name), options(tmp_path / name))
        for file in ("trajectory.txt", "trajectory_online.txt", "mesh.ply"):
            assert (folder / name / file).read_bytes() == (tmp_path / name / file).read_bytes()


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize("leader", MAPS)
def test_both_maps_get_the_poses_of_one(compared, room, tmp_path, leader):
    own, _ = compared
    comparison = compare(room, against(leader), options(tmp_path))
    assert comparison["track_against"] == leader
    file = "trajectory_online.txt"
    expected = (own / leader / file).read_bytes()
    for name in MAPS:
        assert (tmp_path / name / file).read_bytes() == expected


@pytest.mark.usefixtures("without_report")
def test_both_maps_get_the_true_poses(room, tmp_path):
    compare(room, against("gt"), options(tmp_path))
    for name in MAPS:
        online = load_run(tmp_path / name).online_trajectory
        assert online is not None
        assert evaluate_trajectory(online, room.ground_truth()).ate_rmse_m < 1e-6


def test_true_poses_that_are_not_there(room, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_truth", None)
    with pytest.raises(SlamError, match="synthetic:room has no true poses"):
        compare(room, against("gt"), options(tmp_path))


@pytest.mark.usefixtures("without_report")
def test_the_maps_of_a_comparison_are_localised_in(compared, room, tmp_path):
    folder, _ = compared
    comparison = compare(room, CONFIG, options(tmp_path, resume=folder, localize_only=True))
    for name in MAPS:
        assert comparison["maps"][name]["ate_rmse_m"] < 0.001
        assert all(np.isnan(record.mapping_ms) for record in load_run(tmp_path / name).frames)


def test_a_map_that_raises_ends_the_comparison_and_both_are_written(room, tmp_path, monkeypatch):
    def broken_map(config, noise, device):
        map_ = new_map(config, noise, device)
        if config.map == "neural":
            integrate = map_.integrate

            def raising(frame, T_world_camera):
                if frame.index == 6:
                    raise RuntimeError("the map broke")
                integrate(frame, T_world_camera)

            monkeypatch.setattr(map_, "integrate", raising)
        return map_

    monkeypatch.setattr(slam.runs.single, "new_map", broken_map)
    with pytest.raises(RuntimeError, match="the map broke"):
        compare(room, CONFIG, options(tmp_path))
    assert len(load_run(tmp_path / "tsdf").trajectory) in (7, 8)
    assert len(load_run(tmp_path / "neural").trajectory) == 7


def test_a_follower_needs_its_leader(room):
    class Still:
        def track(self, frame, map_):
            return TrackResult(np.eye(4), TrackState.OK, "", 0.0, 1.0, 1.0, 0)

        def moved(self, T_new_old):
            raise NotImplementedError

    leader = Leader(Still())
    follower = FollowedPoses(leader)
    map_ = new_map(CONFIG, room.depth_noise)
    with pytest.raises(RuntimeError, match="not been tracked by its leader"):
        follower.track(room.read(0), map_)
    result = leader.track(room.read(0), map_)
    assert follower.track(room.read(0), map_) is result
    with pytest.raises(RuntimeError, match="not been tracked by its leader"):
        follower.track(room.read(1), map_)


@pytest.mark.usefixtures("without_report")
def test_the_command_says_what_each_map_did(tmp_path, capsys):
    words = ["compare", "synthetic:room", "--limit", "5", "--out", str(tmp_path)]
    assert main([*words, "--track-against", "tsdf", "--tsdf.voxel-size-m", "0.03"]) == 0
    said = capsys.readouterr().out
    assert "for both" in said
    assert "tsdf: 5 frames" in said
    assert "neural: 5 frames" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--map", "tsdf"], "slam compare does not use --map"),
        (["--localize-only"], "--localize-only needs the map"),
        (["--resume", "nowhere"], "nowhere"),
        (["--compare.min-fps", "0"], "compare.min_fps"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, capsys, words, message):
    assert main(["compare", "synthetic:room", "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("slam: ")
    assert message in error
    assert "\n" not in error
