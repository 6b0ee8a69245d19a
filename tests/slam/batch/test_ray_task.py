"""What a node does for a job: its cores, and how a run folder comes back."""

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest

from slam.batch import ray_task
from slam.batch.job import Job, Outcome
from slam.batch.ray_task import own_cores, packed, run_task, unpack
from slam.config import Config
from slam.runs.claim import claimed

JOB = Job("synthetic:wall", Config(), "wall", "tsdf", 1)


def test_jobs_have_cores_of_their_own(tmp_path):
    cores = os.sched_getaffinity(0)
    with own_cores(1, tmp_path) as first:
        assert os.sched_getaffinity(0) == set(first)
        assert len(first) == 1
    assert os.sched_getaffinity(0) == cores
    with own_cores(len(cores), tmp_path) as whole:
        assert set(whole) == cores
        with own_cores(1, tmp_path) as none_left:
            assert none_left == []
            assert os.sched_getaffinity(0) == cores


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be shared out")
def test_another_process_has_other_cores(tmp_path):
    context = multiprocessing.get_context("fork")
    inner, outer = context.Pipe()

    def hold():
        with own_cores(1, tmp_path) as cores:
            inner.send(cores)
            inner.recv()
            os._exit(0)

    process = context.Process(target=hold)
    process.start()
    theirs = outer.recv()
    with own_cores(1, tmp_path) as mine:
        assert len(mine) == 1
        assert mine != theirs
    outer.send("end")
    process.join(timeout=20.0)


def test_a_run_folder_goes_through_an_archive(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "mesh.ply").write_bytes(bytes(range(256)) * 100)
    (folder / "job.json").write_text("{}")
    old = tmp_path / "out" / "1"
    old.mkdir(parents=True)
    (old / "half").touch()
    unpack(packed(folder), old)
    files = {path.name: path.read_bytes() for path in old.iterdir()}
    assert files == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [path.name for path in old.parent.iterdir()] == ["1"]


@pytest.fixture
def made(monkeypatch):
    """Stands in for a run: leaves a file in its folder."""

    def make(job, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trajectory.txt").write_text(job.row)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        return Outcome(job, 1.0)

    monkeypatch.setattr(ray_task, "run_job", make)


def test_a_shared_folder_is_written_in_place_and_another_is_sent(made, tmp_path):
    token = tmp_path / ".batch-1"
    outcome, archive = run_task(JOB, token, 1)
    assert outcome == Outcome(JOB, 1.0)
    assert list(tmp_path.iterdir()) == []
    unpack(archive, tmp_path / JOB.path)
    assert (tmp_path / JOB.path / "trajectory.txt").read_text() == "wall"
    token.touch()
    other = replace(JOB, repeat=2)
    assert run_task(other, token, 1) == (Outcome(other, 1.0), None)
    assert (tmp_path / other.path / "trajectory.txt").read_text() == "wall"
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_what_a_killed_batch_left_running_is_waited_for(made, tmp_path, monkeypatch):
    token = tmp_path / ".batch-1"
    token.touch()
    (tmp_path / JOB.path).mkdir(parents=True)
    slept = []
    with claimed(tmp_path / JOB.path):
        monkeypatch.setattr(ray_task, "PATIENCE_S", 0.05)
        monkeypatch.setattr(ray_task.time, "sleep", slept.append)
        assert run_task(JOB, token, 1) == (Outcome(JOB, 1.0), None)
    assert slept
