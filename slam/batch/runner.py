"""Who runs the jobs of a batch: this process, one after the other."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from slam.batch.job import Job, Outcome, run_job
from slam.control.controls import Controls


@runtime_checkable  # the tests check argument types at run time
class Runner(Protocol):
    """Runs jobs, each into its folder below `out`."""

    @property
    def at_once(self) -> int:
        """How many jobs run at once."""
        ...

    def run(self, jobs: Sequence[Job], out: Path) -> Iterator[Outcome]:
        """Yield what comes of each job, as it is done. Where the iterator is closed before its
        end, what runs is given up.
        """
        ...


class InTurn:
    """Runs one job after the other, here. Once the controls ask the job that runs to end, it is
    given up with KeyboardInterrupt, and no other begins.
    """

    at_once = 1

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def run(self, jobs: Sequence[Job], out: Path) -> Iterator[Outcome]:
        """Yield what comes of each job."""
        for job in jobs:
            yield run_job(job, out / job.path, self._controls)
            gc.collect()  # its map
            if self._controls.is_quit:
                raise KeyboardInterrupt
