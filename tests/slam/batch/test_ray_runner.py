"""Batches on Ray: what a job has of its nodes, and a machine without Ray."""

import sys

import pytest

from slam.batch.ray_runner import ray_runner
from slam.cli import main
from slam.errors import SlamError


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
