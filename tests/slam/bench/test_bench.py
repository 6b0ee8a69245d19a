"""The benchmark: fair turns, honest statistics, a report in JSON. No test looks at times."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from slam.bench.benchmark import bench, gather, write_report
from slam.bench.contender import Outcome, SlamContender
from slam.bench.statistics import ratio, ratios, spread
from slam.bench.table import aligned, table
from slam.cli import main
from slam.config import Config, PlaybackConfig, TsdfConfig
from slam.errors import SlamError
from slam.geometry import inverse, rotation_angle_rad
from slam.sources.synthetic import open_synthetic
from slam.timing import StageTimes
from slam.trajectory import Trajectory

NUM_FRAMES = 5
CONFIG = Config(playback=PlaybackConfig(limit=NUM_FRAMES), tsdf=TsdfConfig(voxel_size_m=0.03))


@pytest.fixture(scope="module")
def source():
    return open_synthetic("room", NUM_FRAMES)


@pytest.fixture(scope="module")
def frames(source):
    return [source.read(index) for index in range(NUM_FRAMES)]


class FakeContender:
    """Gives out the true poses of the first `reach` frames, without a look at them."""

    def __init__(self, name, truth, calls, reach=NUM_FRAMES, error="", num_lost=0):
        self.name = name
        self._truth = Trajectory(truth.timestamps_s[:reach], truth.Ts_world_camera[:reach])
        self._calls = calls
        self._error = error
        self._num_lost = num_lost

    def warm_up(self, frames):
        self._calls.append(f"warm {self.name}")

    def run(self, frames):
        self._calls.append(f"run {self.name} {id(frames[0])}")
        tracking = StageTimes()
        tracking.values_ms = [1.0, 2.0, 3.0]
        reach = len(self._truth)
        stages = {"tracking": tracking}
        return Outcome(reach, 0.5, self._truth, stages, 2.0, self._num_lost, self._error)


def run_fakes(source, *reaches, repeats=2, **options):
    calls, names = [], ["open3d", "tsdf"]
    truth = source.ground_truth()
    contenders = [
        FakeContender(name, truth, calls, reach, **options)
        for name, reach in zip(names, reaches, strict=False)
    ]
    report = bench(source, truth, CONFIG, contenders, {}, repeats, lambda name, run: None)
    return report, calls


def test_the_ratio_is_that_of_the_medians():
    ours, others = spread([100.0, 60.0, 1.0]), spread([5.0, 10.0, 900.0])
    assert ours == {"median": 60.0, "min": 1.0, "max": 100.0}
    assert ratio(ours, others) == 6.0


def test_the_unknown_has_no_ratio():
    assert spread([None, None]) is None
    assert spread([None, 2.0, None]) == {"median": 2.0, "min": 2.0, "max": 2.0}
    assert ratio(None, spread([1.0])) is None
    assert ratio(spread([1.0]), spread([0.0])) is None


def test_ratios_are_of_everyone_against_the_reference():
    summaries = {
        name: {"fps": spread([fps]), "ate_rmse_m": spread([ate_rmse_m])}
        for name, fps, ate_rmse_m in [("open3d", 8.0, 0.03), ("tsdf", 64.0, 0.0075)]
    }
    assert ratios(summaries, "open3d") == {"tsdf/open3d": {"fps": 8.0, "ate_rmse_m": 0.25}}
    assert ratios(summaries, "absent") == {}


def test_contenders_take_turns_on_the_same_frames(source):
    _, calls = run_fakes(source, NUM_FRAMES, NUM_FRAMES)
    assert calls[:2] == ["warm open3d", "warm tsdf"]
    assert [call.rpartition(" ")[0] for call in calls[2:]] == ["run open3d", "run tsdf"] * 2
    assert len({call.split()[-1] for call in calls[2:]}) == 1


def test_the_report_holds_everything_and_survives_json(source, tmp_path):
    report, _ = run_fakes(source, NUM_FRAMES, NUM_FRAMES)
    path = tmp_path / "new" / "bench.json"
    write_report(path, report)
    assert json.loads(path.read_text()) == report
    assert report["frames"] == NUM_FRAMES
    assert {"cpu", "cores", "python", "versions"} <= report["machine"].keys()
    assert {"numpy", "numba", "open3d"} <= report["machine"]["versions"].keys()
    assert {"date", "command", "source", "config", "repeats", "absent"} <= report.keys()
    for contender in report["contenders"].values():
        assert len(contender["runs"]) == 2
        assert contender["summary"]["fps"]["median"] == NUM_FRAMES / 0.5
        assert contender["summary"]["ate_rmse_m"]["median"] == pytest.approx(0.0, abs=1e-9)
        assert contender["summary"]["tracking.p50"]["median"] == 2.0
    assert report["ratios"]["tsdf/open3d"]["fps"] == 1.0


def test_who_ends_early_is_reported_and_not_scored(source):
    report, _ = run_fakes(source, 2, repeats=1, error="frame 2: singular")
    assert report["contenders"]["open3d"]["summary"]["ate_rmse_m"] is None
    assert "open3d: ended early: frame 2: singular" in table(report)


def test_lost_frames_are_not_hidden_by_the_ate(source):
    lossy, _ = run_fakes(source, NUM_FRAMES, repeats=1, num_lost=4)
    lossless, _ = run_fakes(source, NUM_FRAMES, repeats=1)
    assert "open3d: lost up to 4 frames" in table(lossy)
    assert "lost up to" not in table(lossless)


def test_the_table_warns_of_different_frames(source):
    unequal, _ = run_fakes(source, 3, NUM_FRAMES, repeats=1)
    equal, _ = run_fakes(source, NUM_FRAMES, NUM_FRAMES, repeats=1)
    assert "do not compare" in table(unequal)
    assert "do not compare" not in table(equal)


def test_columns_line_up():
    assert aligned([["", "fps"], ["open3d", "8"]]) == ["        fps", "open3d    8"]


def test_our_system_runs_from_memory(frames):
    outcome = SlamContender("tsdf", replace(CONFIG, deterministic=True)).run(frames)
    assert outcome.num_frames == NUM_FRAMES
    assert outcome.map_mb > 0
    assert len(outcome.stages["tracking"].values_ms) == NUM_FRAMES
    assert len(outcome.trajectory) == NUM_FRAMES - (outcome.num_lost or 0)


def test_open3d_is_measured_like_ours(source):
    config = replace(CONFIG, playback=PlaybackConfig(limit=3))
    contenders, absent = gather([], config)
    truth = source.ground_truth()
    report = bench(source, truth, config, contenders, absent, 1, lambda name, run: None)
    (run,) = report["contenders"]["open3d"]["runs"]
    assert run["error"] == ""
    assert run["frames"] == 3
    assert run["ate_rmse_m"] is not None
    assert set(run["stages_ms"]) == {"tracking", "integration", "rendering"}


def test_poses_of_open3d_have_our_convention(source, frames):
    (contender,), _ = gather([], replace(CONFIG, tsdf=TsdfConfig()))
    Ts_estimate = contender.run(frames).trajectory.Ts_world_camera
    Ts_true = source.ground_truth().Ts_world_camera
    T_true = inverse(Ts_true[0]) @ Ts_true[-1]
    T_error = inverse(T_true) @ Ts_estimate[-1]
    # The camera turns by 5 degrees. An inverted pose would be off by 10, an ignored one by 5. Its
    # translation says less: half a voxel of bias a frame is as much as the camera moves.
    assert np.rad2deg(rotation_angle_rad(T_true[:3, :3])) > 4.0
    assert np.rad2deg(rotation_angle_rad(T_error[:3, :3])) < 1.0


def test_an_error_of_open3d_ends_only_its_run(frames):
    (contender,), _ = gather([], CONFIG)
    empty = replace(frames[2], depth_m=np.zeros_like(frames[2].depth_m))
    outcome = contender.run([frames[0], frames[1], empty, frames[3]])
    assert outcome.num_frames == 2
    assert len(outcome.trajectory) == 2
    assert outcome.error.startswith("frame 2: ")


def test_without_open3d_it_is_reported_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    contenders, absent = gather(["tsdf"], CONFIG)
    assert [contender.name for contender in contenders] == ["tsdf"]
    assert "open3d" in absent["open3d"]


@pytest.mark.parametrize("maps", [["tsdf", "tsdf"], ["voxels"]])
def test_unknown_or_repeated_maps_are_refused(maps):
    with pytest.raises(SlamError, match="--maps"):
        gather(maps, CONFIG, with_open3d=False)


def test_the_peak_of_memory_is_seen():
    """In a process of its own: here, what other tests leave behind is freed in between."""
    script = """
import numpy as np
from slam.bench.memory import PeakMemory
memory = PeakMemory()
before_mb = memory.peak_mb
held = np.ones(8_000_000)  # 64 MB
assert held.any() and memory.peak_mb >= before_mb
assert memory.added_mb is None or memory.added_mb > 30, memory.added_mb
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_command_takes_overrides_before_the_default_source(tmp_path, capsys):
    path = tmp_path / "bench.json"
    words = "bench --no-open3d --limit 5 --repeats 1 --tsdf.voxel-size-m 0.03".split()
    assert main([*words, "--out", str(path)]) == 0
    report = json.loads(path.read_text())
    assert report["source"] == "synthetic:room"
    assert report["config"]["tsdf"]["voxel_size_m"] == 0.03
    assert "tsdf" in capsys.readouterr().out


def test_a_wrong_option_is_one_line(capsys):
    assert main(["bench", "--no-open3d", "--maps", "voxels"]) == 2
    assert capsys.readouterr().err.startswith("slam: --maps voxels")
