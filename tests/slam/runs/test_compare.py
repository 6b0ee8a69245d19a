"""Whole comparisons: two or more systems on one source."""

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
from slam.maps.factory import new_map
from slam.runs.compare import _min_fps, compare
from slam.runs.finished import load_run
from slam.runs.single import RunOptions, run
from slam.runs.variants import variants_of
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.followed import FollowedPoses, Leader

pytestmark = pytest.mark.usefixtures("small_images")
CONFIG = Config(
    deterministic=True,
    playback=PlaybackConfig(max_depth_m=10.0),
    tsdf=TsdfConfig(voxel_size_m=0.02),
    neural=NeuralConfig(budget_mb=512),
)
QUICK = ["--neural.polish-s", "0.2"]
BOTH = ("tsdf", "neural")
COARSE = "neural-fine-spacing-m-0.05"
THREE = "tsdf,neural,neural:neural.fine-spacing-m=0.05"
TWO = "tsdf,neural:neural.fine-spacing-m=0.05"


def variants(config=CONFIG, maps="tsdf,neural"):
    return variants_of(maps, config)


def against(name):
    return variants(replace(CONFIG, compare=CompareConfig(track_against=name)))


def options(out: Path, **others) -> RunOptions:
    return RunOptions(out, "synthetic:room", **others)


@pytest.fixture(scope="module")
def compared(room, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    comparison = compare(room, variants(), options(folder))
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
        *BOTH, "comparison.json", "report.html", "run.log"
    }  # fmt: skip
    assert json.loads((folder / "comparison.json").read_text()).keys() == comparison.keys()
    for name in BOTH:
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
    for name in BOTH:
        run(room, replace(CONFIG, map=name), options(tmp_path / name))
        for file in ("trajectory.txt", "trajectory_online.txt", "mesh.ply"):
            assert (folder / name / file).read_bytes() == (tmp_path / name / file).read_bytes()


@pytest.mark.usefixtures("without_report")
def test_a_map_twice_with_other_settings_beside_a_third(compared, room, tmp_path):
    """What each leaves is what it leaves in other company; the last one's poses are all's."""
    own, _ = compared
    comparison = compare(room, variants(maps=THREE), options(tmp_path / "own"))
    assert list(comparison["maps"]) == ["tsdf", "neural", COARSE]
    assert [metrics["map"] for metrics in comparison["maps"].values()] == [*BOTH, "neural"]
    for name in BOTH:
        for file in ("trajectory.txt", "mesh.ply"):
            wanted = (own / name / file).read_bytes()
            assert (tmp_path / "own" / name / file).read_bytes() == wanted
    coarse = load_run(tmp_path / "own" / COARSE)
    assert coarse.config.neural == replace(CONFIG.neural, fine_spacing_m=0.05)
    assert coarse.metrics["map_mb"] < comparison["maps"]["neural"]["map_mb"]
    followed = replace(CONFIG, compare=CompareConfig(track_against=COARSE))
    compare(room, variants(followed, TWO), options(tmp_path / "followed"))
    file = "trajectory_online.txt"
    wanted = (tmp_path / "own" / COARSE / file).read_bytes()
    for name in ("tsdf", COARSE):
        assert (tmp_path / "followed" / name / file).read_bytes() == wanted
    resumed = options(tmp_path / "resumed", resume=tmp_path / "own", localize_only=True)
    again = compare(room, variants(maps=TWO), resumed)
    assert [metrics["tracked"] for metrics in again["maps"].values()] == 2 * [again["frames"]]
    assert load_run(tmp_path / "resumed" / COARSE).config.neural.fine_spacing_m == 0.05


@pytest.mark.usefixtures("without_report")
@pytest.mark.parametrize("leader", BOTH)
def test_both_maps_get_the_poses_of_one(compared, room, tmp_path, leader):
    own, _ = compared
    comparison = compare(room, against(leader), options(tmp_path))
    assert comparison["track_against"] == leader
    file = "trajectory_online.txt"
    expected = (own / leader / file).read_bytes()
    for name in BOTH:
        assert (tmp_path / name / file).read_bytes() == expected


@pytest.mark.usefixtures("without_report")
def test_both_maps_get_the_true_poses(room, tmp_path):
    compare(room, against("gt"), options(tmp_path))
    for name in BOTH:
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
    comparison = compare(room, variants(), options(tmp_path, resume=folder, localize_only=True))
    for name in BOTH:
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
        compare(room, variants(), options(tmp_path))
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
    words = ["compare", "synthetic:room", "--limit", "5", "--out", str(tmp_path), *QUICK]
    assert main([*words, "--track-against", "tsdf", "--tsdf.voxel-size-m", "0.03"]) == 0
    said = capsys.readouterr().out
    assert "for both" in said
    assert "tsdf: 5 frames" in said
    assert "neural: 5 frames" in said


def test_the_command_compares_whatever_it_is_told(tmp_path, capsys):
    words = ["compare", "synthetic:room", "--limit", "4", "--out", str(tmp_path), *QUICK]
    maps = "tsdf:tsdf.voxel-size-m=0.03,tsdf:tsdf.voxel-size-m=0.05,neural:neural.budget-mb=512"
    assert main([*words, "--maps", maps]) == 0
    names = ["tsdf-voxel-size-m-0.03", "tsdf-voxel-size-m-0.05", "neural-budget-mb-512"]
    said = capsys.readouterr().out
    assert "for all 3" in said
    assert [line.partition(":")[0] for line in said.splitlines()[1:4]] == names
    comparison = json.loads((tmp_path / "comparison.json").read_text())
    assert list(comparison["maps"]) == names
    assert len(comparison["mesh_difference"]["pairs"]) == 3
    page = (tmp_path / "report.html").read_text()
    assert f"Comparison of {names[0]}, {names[1]} and {names[2]}" in page


@pytest.mark.parametrize(
    ("maps", "asked", "least_fps"),
    [
        ("tsdf,neural", None, 24.0),
        ("tsdf,neural", 10.0, 10.0),
        ("tsdf,neural,implicit", None, None),  # none could be held
        ("tsdf,implicit", 1.0, 1.0),
    ],
)
def test_maps_train_less_only_where_the_frame_rate_can_be_held(maps, asked, least_fps):
    config = replace(Config(), compare=replace(Config().compare, min_fps=asked))
    assert _min_fps(variants_of(maps, config)) == least_fps


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--map", "tsdf"], "slam compare does not use --map"),
        (["--localize-only"], "--localize-only needs the map"),
        (["--resume", "nowhere"], "nowhere"),
        (["--compare.min-fps", "0"], "compare.min_fps"),
        (["--maps", "neural"], "--maps neural: a comparison needs two maps"),
        (["--maps", "tsdf,octree"], "there is no map 'octree', only tsdf, neural, implicit"),
        (["--track-against", "octree"], "one of own, gt, tsdf, neural; got octree"),
        (["--maps", "neural,neural:neural.rays=0"], "neural.rays must be at least 1, got 0"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, capsys, words, message):
    assert main(["compare", "synthetic:room", "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("slam: ")
    assert message in error
    assert "\n" not in error
