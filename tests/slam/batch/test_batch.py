"""Whole batches: what is done once, what fails, and going on after an interruption."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from slam.batch.batch import State, batch
from slam.batch.job import DONE_NAME, Outcome, reason_of
from slam.batch.plan import plan
from slam.batch.runner import InTurn
from slam.cli import main
from slam.config import Config
from slam.control.controls import Controls
from slam.errors import SlamError
from slam.runs.finished import load_run

CONFIG = replace(Config(), playback=replace(Config().playback, limit=3))


def planned(sources=("synthetic:room", "synthetic:wall"), maps="tsdf,neural", repeats=2):
    return plan(sources, maps, {}, repeats, CONFIG)


class Scripted:
    """Stands in for what runs jobs: they fail, are interrupted or leave a finished folder."""

    at_once = 1

    def __init__(self, failing=(), interrupted_after=None):
        self.failing, self.interrupted_after, self.ran = failing, interrupted_after, []

    def run(self, jobs, out):
        for job in jobs:
            if len(self.ran) == self.interrupted_after:
                raise KeyboardInterrupt
            self.ran.append(job.path)
            if job.path in self.failing:
                yield Outcome(job, 1.0, error="no such thing")
            else:
                yield Outcome(job, 2.0, {"ate_rmse_m": 0.01})


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "runs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_failure_is_a_row_and_not_the_end(tmp_path):
    jobs = planned()
    runner, seen = Scripted([jobs[2].path]), []
    state = batch(jobs, tmp_path, runner, lambda state: seen.append(len(state.missing)))
    assert runner.ran == [job.path for job in jobs]
    assert seen == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert [outcome.job for outcome in state.failures] == [jobs[2]]
    reasons = [row["reason"] for row in rows_of(tmp_path)]
    assert reasons == ["", "", "no such thing", "", "", "", "", ""]
    assert "no such thing" in (tmp_path / "report.html").read_text()
    assert "no such thing" in (tmp_path / "batch.csv").read_text()


def test_an_interrupted_batch_leaves_the_tables_of_what_there_is(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        batch(planned(), tmp_path, Scripted(interrupted_after=3), lambda state: None)
    states = [row["state"] for row in rows_of(tmp_path)]
    assert (states.count("done"), states.count("to do")) == (3, 5)
    assert "3 of 8 runs done" in (tmp_path / "report.html").read_text()


def test_two_batches_are_not_in_one_folder_at_once(tmp_path):
    class Meddling(Scripted):
        def run(self, jobs, out):
            with pytest.raises(SlamError, match="another run is writing to"):
                batch(jobs, out, Scripted(), lambda state: None)
            yield from super().run(jobs, out)

    batch(planned(), tmp_path, Meddling(), lambda state: None)


def test_the_time_left_is_that_of_others_like_those_that_are_missing():
    jobs = planned()
    room, wall = (job for job in jobs[:4] if job.config.map == "tsdf")
    state = State(jobs, [], at_once=2)
    assert state.left_s is None
    state.add(Outcome(room, 1.0, error="failed"))
    assert state.left_s is None
    state = State(jobs, [Outcome(room, 10.0)], at_once=2)
    assert state.left_s == pytest.approx(7 * 10.0 / 2)
    state.add(Outcome(wall, 20.0))  # their repeats: 10 and 20; the neural map's: any, 15
    assert state.left_s == pytest.approx((10.0 + 20.0 + 4 * 15.0) / 2)


def test_an_error_of_any_kind_is_one_line():
    assert reason_of(SlamError("the file is gone")) == "the file is gone"
    assert reason_of(ValueError("one\n  two")) == "ValueError: one two"


@pytest.mark.usefixtures("small_images")
def test_real_runs_are_kept_and_half_ones_done_again(tmp_path, capsys):
    """Two of three jobs run in this process; one's folder is gone, one's source is broken."""
    broken = tmp_path / "broken"
    broken.mkdir()
    words = ["batch", "synthetic:wall", str(broken), "--maps", "tsdf", "--workers", "1"]
    out = tmp_path / "out"
    words += ["--limit", "3", "--set", "tsdf.voxel-size-m=0.02,0.04", "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "2 of 4 runs done" in said.out
    assert "broken, tsdf-voxel-size-m-0.02, run 1: " in said.out
    rows = rows_of(out)
    assert [row["state"] for row in rows] == ["done", "done", "failed", "failed"]
    assert "no known format" in rows[-1]["reason"]
    fine, coarse = (out / row["folder"] for row in rows[:2])
    assert load_run(fine).config.tsdf.voxel_size_m == 0.02
    metrics = load_run(fine).metrics
    assert {"ate_rmse_m", "mesh", "recording", "fps"} <= metrics.keys()
    assert float(rows[0]["mesh.f1"]) == pytest.approx(metrics["mesh"]["f1"], rel=1e-4)
    (coarse / DONE_NAME).unlink()  # as where it was killed
    before = (fine / "trajectory.txt").stat().st_mtime_ns
    assert main(words) == 0
    assert (fine / "trajectory.txt").stat().st_mtime_ns == before
    assert (coarse / DONE_NAME).is_file()
    assert [row["state"] for row in rows_of(out)][:2] == ["done", "done"]
    assert main([*words, "--stride", "2"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "is of another batch: playback.stride was 1, now it is 2; give another --out" in error


def test_ctrl_c_gives_up_the_job_that_runs(tmp_path, monkeypatch):
    """The session ends as at its last frame, and its folder is not taken for a finished one."""
    controls, jobs = Controls(), planned(maps="tsdf", repeats=1)

    def run_to_the_first_frame(source, config, options, onlookers):
        onlookers.controls.quit("Ctrl-C")

    monkeypatch.setattr("slam.runs.single.run", run_to_the_first_frame)
    with pytest.raises(KeyboardInterrupt):
        batch(jobs, tmp_path, InTurn(controls), lambda state: None)
    assert list(tmp_path.rglob(DONE_NAME)) == []
    assert [row["state"] for row in rows_of(tmp_path)] == ["to do", "to do"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--workers", "0"], "--workers 0: at least 1"),
        (["--cpus", "0"], "--cpus 0: at least 1"),
        (["--workers", "1", "--cpus", "2"], "--cpus has no effect with --workers 1"),
        (["--workers", "1", "--ray", "auto"], "--ray has no effect with --workers 1"),
        (["--repeat", "0"], "--repeat 0"),
        (["--set", "tsdf.voxel-size-m"], "--set tsdf.voxel-size-m: give"),
        (["--maps", "octree"], "there is no map 'octree'"),
        (["--map", "tsdf"], "slam batch does not use --map"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, capsys, words, message):
    assert main(["batch", "synthetic:room", "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("slam: ")
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_a_mark_says_what_was_done(tmp_path):
    (tmp_path / DONE_NAME).write_text(json.dumps({"cut": "short"})[:5])
    jobs = planned()
    runner = Scripted()
    (tmp_path / jobs[0].path).mkdir(parents=True)
    (tmp_path / jobs[0].path / DONE_NAME).write_text("{")
    batch(jobs, tmp_path, runner, lambda state: None)
    assert runner.ran[0] == jobs[0].path
