"""Runs the jobs of a batch as Ray tasks: in a cluster, or in a Ray of its own on this machine."""

import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slam.batch.job import Job, Outcome, reason_of
from slam.batch.ray_task import run_task, unpack
from slam.errors import SlamError

STORE_BYTES = 100_000_000  # of a Ray of our own: results stay on this machine, so nearly nothing
LOOK_S = 1.0
MAX_REASON = 300  # letters: a crash of Ray's is told on half a page


class RayRunner:
    """Runs jobs as tasks, each with CPUs and GPUs of its own, for as long as Ray is up."""

    def __init__(self, ray: Any, num_cpus: int, num_gpus: float, most_at_once: int | None) -> None:
        self._ray = ray
        self._most_at_once = most_at_once
        self._num_cpus = num_cpus
        self._demand = {"CPU": float(num_cpus), "GPU": num_gpus}
        # a worker that is used again would keep threads, memory and cores of an earlier job
        options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "max_calls": 1, "max_retries": 0}
        self._task = ray.remote(**options)(run_task)

    @property
    def at_once(self) -> int:
        """How many jobs the nodes that are up now can run at once."""
        places = sum(_places(node, self._demand) for node in _nodes(self._ray))
        return min(places, self._most_at_once or places)

    def run(self, jobs: Sequence[Job], out: Path) -> Iterator[Outcome]:
        """Yield what comes of each job, as it is done."""
        for old in out.glob(".batch-*"):  # of a batch that was killed
            old.unlink()
        token = out / f".batch-{secrets.token_hex(8)}"  # who sees it can write its run folder here
        token.touch()
        waiting, running = list(jobs), {}
        try:
            while waiting or running:
                while waiting and len(running) < max(self.at_once, 1):
                    job = waiting.pop(0)
                    running[self._task.remote(job, token, self._num_cpus)] = job
                done, _ = self._ray.wait(list(running), timeout=LOOK_S)
                for ref in done:
                    yield self._outcome(running.pop(ref), ref, out)
        finally:
            token.unlink(missing_ok=True)
            for ref in running:
                self._ray.cancel(ref, force=True)

    def _outcome(self, job: Job, ref: Any, out: Path) -> Outcome:
        try:
            outcome, packed = self._ray.get(ref)
            if packed is not None:
                unpack(packed, out / job.path)
        except Exception as error:  # Ray's own: a worker that crashed, a node that is gone
            return Outcome(job, 0.0, error=reason_of(error)[:MAX_REASON])
        return outcome


@contextmanager
def ray_runner(
    address: str | None, num_cpus: int | None, num_gpus: float | None, num_workers: int | None,
    device: str,
) -> Iterator[RayRunner]:  # fmt: skip
    """Connect to a cluster, or start a local Ray, until the block ends.

    By default a job has all cores of a node (of the smallest, so that all are alike), or with
    `num_workers` its share of them; and a GPU, where nodes have any and the device may be one.
    """
    ray = _import_ray()
    logging.getLogger("ray").setLevel(logging.ERROR)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "configure_logging": False}
    try:
        if address is None:
            cores = len(os.sched_getaffinity(0))
            ray.init(
                "local", num_cpus=cores, include_dashboard=False, object_store_memory=STORE_BYTES,
                _node_ip_address="127.0.0.1", **quiet,
            )  # fmt: skip
        else:
            ray.init(address, **quiet)
    except Exception as error:  # of many kinds: no such cluster, no rights, no memory
        where = "a local Ray" if address is None else f"the Ray cluster at {address}"
        raise SlamError(f"cannot use {where}: {reason_of(error)}; see --workers 1") from error
    try:
        yield _runner(ray, num_cpus, num_gpus, num_workers, device)
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise SlamError(
            f"Ray cannot be imported ({error}): pip install 'twinmap[batch]', or give --workers 1 "
            "to run the jobs one after another in this process"
        ) from error
    return ray


def _runner(
    ray: Any, num_cpus: int | None, num_gpus: float | None, num_workers: int | None, device: str
) -> RayRunner:
    nodes = _nodes(ray)
    if num_gpus is None:
        num_gpus = float(device != "cpu" and any(node.get("GPU", 0) >= 1 for node in nodes))
    if num_cpus is None:
        sizes = [int(node.get("CPU", 0)) for node in nodes if node.get("GPU", 0) >= num_gpus]
        smallest = min((size for size in sizes if size >= 1), default=1)
        num_cpus = max(1, smallest // -(-(num_workers or 1) // max(len(sizes), 1)))
    runner = RayRunner(ray, num_cpus, num_gpus, num_workers)
    if runner.at_once < 1:
        raise SlamError(
            f"no node of Ray has {num_cpus} CPUs and {num_gpus:g} GPUs for a job: "
            "give smaller --cpus and --gpus"
        )
    return runner


def _nodes(ray: Any) -> list[dict[str, float]]:
    """Return what each living node has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _places(node: dict[str, float], demand: dict[str, float]) -> int:
    return min(int(node.get(name, 0.0) // amount) for name, amount in demand.items() if amount)
