"""Batches on Ray, as a person starts them: killed in the middle, and started again."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slam.batch.job import DONE_NAME
from slam.batch.ray_runner import ray_runner
from slam.cli import main
from slam.errors import SlamError
from slam.sources.sequence_writer import write_sequence
from slam.sources.synthetic import open_synthetic

SLAM = "import sys; from slam.cli import main; sys.exit(main())"
MAPS = "tsdf,tsdf:tsdf.voxel-size-m=0.04,tsdf:tsdf.voxel-size-m=0.05"
LIMIT_S = 420.0


def test_without_ray_it_says_what_helps(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["batch", "synthetic:room", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("slam: Ray cannot be imported")
    assert "pip install 'twinmap[batch]', or give --workers 1" in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


class Nodes:
    """Stands in for Ray with some nodes."""

    def __init__(self, *resources):
        self._nodes = [{"Alive": True, "Resources": each} for each in resources]
        self._nodes.append({"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}})

    def nodes(self):
        return self._nodes

    def remote(self, **options):
        self.options = options
        return lambda function: function

    def init(self, *_, **__):
        pass

    def shutdown(self):
        pass


@pytest.mark.parametrize(
    ("nodes", "asked", "wanted"),  # CPUs and GPUs of a job, jobs at once
    [
        ([{"CPU": 2.0}], {}, (2, 0.0, 1)),
        ([{"CPU": 2.0}], {"cpus": 1}, (1, 0.0, 2)),
        ([{"CPU": 16.0}], {"workers": 3}, (5, 0.0, 3)),
        ([{"CPU": 16.0}], {"workers": 3, "cpus": 2}, (2, 0.0, 3)),
        ([{"CPU": 8.0}, {"CPU": 16.0}], {}, (8, 0.0, 3)),
        ([{}, {"CPU": 4.0}], {}, (4, 0.0, 1)),  # a head without CPUs
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 4.0}], {}, (8, 1.0, 1)),
        ([{"CPU": 8.0, "GPU": 2.0}], {"cpus": 4}, (4, 1.0, 2)),
        ([{"CPU": 8.0, "GPU": 1.0}], {"cpus": 2, "gpus": 0.5}, (2, 0.5, 2)),
        ([{"CPU": 8.0, "GPU": 1.0}], {"device": "cpu"}, (8, 0.0, 1)),
    ],
)
def test_a_job_has_cores_of_its_own(monkeypatch, nodes, asked, wanted):
    ray = Nodes(*nodes)
    monkeypatch.setattr("slam.batch.ray_runner._import_ray", lambda: ray)
    options = {"cpus": None, "gpus": None, "workers": None, "device": "auto"} | asked
    with ray_runner("an address", *options.values()) as runner:
        assert (ray.options["num_cpus"], ray.options["num_gpus"], runner.at_once) == wanted


def test_what_no_node_has_is_said(monkeypatch):
    monkeypatch.setattr("slam.batch.ray_runner._import_ray", lambda: Nodes({"CPU": 2.0}))
    with (
        pytest.raises(SlamError, match="no node of Ray has 3 CPUs and 0 GPUs for a job"),
        ray_runner("an address", 3, None, None, "auto"),
    ):
        pass


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> str:
    """A short recording of small images, without the true mesh, which takes long to score."""
    source = open_synthetic("room")
    source.camera = source.camera.scaled(0.25)
    folder = tmp_path_factory.mktemp("recordings") / "room"
    write_sequence(source, folder, "tum", 4)
    (folder / "mesh.ply").unlink()
    return str(folder)


@contextlib.contextmanager
def two_nodes():
    """Start a cluster of two nodes with a core each, on this machine; yield its address."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield ["--ray", cluster.address]
    finally:
        cluster.shutdown()


@contextlib.contextmanager
def this_machine():
    yield ["--cpus", "1"]


@pytest.fixture(params=[this_machine, two_nodes], ids=["local", "two nodes"])
def place(request):
    """Options that say where the jobs run; skips where Ray cannot start."""
    pytest.importorskip("ray", reason="Ray is not installed")
    with contextlib.ExitStack() as stack:
        try:
            words = stack.enter_context(request.param())
        except Exception as error:  # Ray's errors are of many kinds
            pytest.skip(f"Ray cannot start here: {' '.join(str(error).split())[:200]}")
        yield words


def start(words: list[str], said: Path) -> subprocess.Popen:
    with said.open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-c", SLAM, *words],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip


def skip_where_ray_does_not_start(said: Path) -> None:
    text = said.read_text()
    if "slam: cannot use" in text:
        pytest.skip(text.strip().splitlines()[-1])


@pytest.mark.timeout(900)
def test_a_killed_batch_goes_on_where_it_stopped(place, recording, tmp_path):
    out, said = tmp_path / "out", tmp_path / "said.txt"
    words = ["batch", recording, "--maps", MAPS, "--out", str(out), *place]
    batch = start(words, said)
    deadline_s = time.monotonic() + LIMIT_S
    while not (done := list(out.rglob(DONE_NAME))):
        if batch.poll() is not None:
            skip_where_ray_does_not_start(said)
        assert batch.poll() is None, said.read_text()
        assert time.monotonic() < deadline_s, said.read_text()
        time.sleep(0.1)
    os.kill(batch.pid, signal.SIGKILL)
    batch.wait()
    before = {path.parent: path.stat().st_mtime_ns for path in list(out.rglob(DONE_NAME)) or done}
    assert len(before) < 3
    again = start(words, said)
    assert again.wait(timeout=LIMIT_S) == 0, said.read_text()
    assert "3 of 3 runs done" in said.read_text()
    with (out / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == 3 * ["done"], said.read_text()
    assert {folder: (folder / DONE_NAME).stat().st_mtime_ns for folder in before} == before
    assert all(float(row["ate_rmse_m"]) < 0.01 for row in rows)
    assert all(float(row["fps"]) > 0.0 for row in rows)
