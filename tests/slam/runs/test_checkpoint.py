"""A run that is killed, and gone on with."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graphs import walked_graph

from slam.cli import main
from slam.errors import SlamError
from slam.journal import FrameRecord
from slam.maps.factory import load_map
from slam.maps.tsdf.map import TsdfMap
from slam.runs.checkpoint import Checkpoints, earlier_of, resumable
from slam.runs.finished import load_run
from slam.runs.folder import RunFolder
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

CODE = "import sys; from slam.cli import main; sys.exit(main())"
WORDS = ["run", "synthetic:room", "--tsdf.voxel-size-m", "0.02"]


def test_a_checkpoint_is_written_when_it_is_due_and_the_last_is_over():
    clock, written = [0.0], []
    checkpoints = Checkpoints(10.0, lambda: written.append(clock[0]), lambda: clock[0])
    for now_s in (0.0, 9.9, 10.0, 15.0, 19.9, 20.0):
        clock[0] = now_s
        checkpoints.tick()
        checkpoints.settle()
    checkpoints.close()
    assert written == [10.0, 20.0]


def test_a_checkpoint_that_cannot_be_written_costs_a_warning(caplog):
    def fail():
        raise OSError(28, "No space left on device")

    checkpoints = Checkpoints(0.001, fail)
    time.sleep(0.01)
    checkpoints.tick()
    checkpoints.close()
    assert "no checkpoint: [Errno 28] No space left" in caplog.text


def test_a_killed_run_goes_on_to_its_end(tmp_path):
    out = tmp_path / "run"
    words = [*WORDS, "--limit", "40", "--pace", "realtime", "--checkpoint-s", "0.2"]
    command = [sys.executable, "-c", CODE, *words, "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end_s = time.monotonic() + 120
    while not (out / "metrics.json").is_file():
        assert process.poll() is None
        assert time.monotonic() < end_s
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = load_run(out)
    assert before.metrics["is_checkpoint"]
    num_before = len(earlier_of(before).records)
    nodes_before = earlier_of(before).graph.frame_indices.tolist()
    assert main(["run", "--resume", str(out)]) == 0
    run = load_run(out)
    assert "is_checkpoint" not in run.metrics
    indices = [record.index for record in run.frames]
    assert indices == sorted(set(indices))
    assert len(indices) > num_before
    assert len(run.trajectory) == len(indices) == run.metrics["tracked"]
    assert run.metrics["ate_rmse_m"] < 0.001
    assert (out / "mesh.ply").is_file()
    nodes = run.graph.frame_indices.tolist()
    assert nodes == sorted(set(nodes))
    assert nodes[: len(nodes_before)] == nodes_before
    assert len(nodes) == run.metrics["loops"]["nodes"] > len(nodes_before) > 0
    assert main(["run", "--resume", str(out)]) == 0  # only what came too late for it is left
    assert [record.index for record in load_run(out).frames][: len(indices)] == indices


class Killed(BaseException):
    """What nothing handles."""


@pytest.mark.parametrize("last", ["map.npz", "frames.csv", "trajectory.txt", "mesh.ply"])
def test_a_run_that_is_killed_while_its_last_files_are_written_goes_on(tmp_path, last, monkeypatch):
    """The map has every frame that the rest says is done."""
    out = tmp_path / "run"
    assert main([*WORDS, "--limit", "6", "--out", str(out)]) == 0
    replace_file = os.replace

    def kill(part, path):
        if Path(path).name == last:
            raise Killed
        replace_file(part, path)

    monkeypatch.setattr(os, "replace", kill)
    with pytest.raises(Killed):
        main(["run", "--resume", str(out), "--limit", "12"])
    monkeypatch.undo()
    assert main(["run", "--resume", str(out), "--limit", "12"]) == 0
    assert len(load_run(out).frames) == 12
    map_ = load_map(out / "map.npz")
    assert isinstance(map_, TsdfMap)
    assert map_.num_integrated >= 12


def test_a_run_is_not_gone_on_with_elsewhere(tmp_path, capsys):
    assert main([*WORDS, "--limit", "3", "--out", str(tmp_path / "run")]) == 0
    words = ["run", "--resume", str(tmp_path / "run"), "--out", str(tmp_path / "other")]
    assert main(words) == 2
    assert "goes on in its own folder" in capsys.readouterr().err
    (tmp_path / "run" / "map.npz").unlink()
    assert main(["run", "--resume", str(tmp_path / "run")]) == 2
    assert "has no saved map to go on with" in capsys.readouterr().err


def test_only_what_is_in_all_files_counts(tmp_path):
    """A kill came after the table and before the poses were written."""
    folder = RunFolder(tmp_path)
    nan = float("nan")
    records = [
        FrameRecord(k, k / 30, TrackState.OK, 1.0, nan, nan, nan, nan, nan) for k in range(9)
    ]
    poses = Trajectory(np.arange(6) / 30, np.tile(np.eye(4), (6, 1, 1)))
    folder.write_frames(records)
    folder.write_trajectory(poses)
    graph = walked_graph()
    folder.write_graph(replace(graph, frame_indices=np.arange(3, 9)))
    folder.write_metrics({})
    (tmp_path / "config.yaml").write_text("{}")
    earlier = earlier_of(load_run(tmp_path))
    assert [record.index for record in earlier.records] == list(range(6))
    assert len(earlier.trajectory) == len(earlier.online) == 6
    assert earlier.graph.frame_indices.tolist() == [3, 4, 5]
    with pytest.raises(SlamError, match="no saved map"):
        resumable(load_run(tmp_path), tmp_path)
