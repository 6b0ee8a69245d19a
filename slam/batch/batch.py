"""A whole batch: what is still to do of its jobs is done, and tables of all are written."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from slam.batch.job import Job, Outcome, finished
from slam.batch.report import write_report
from slam.batch.runner import Runner
from slam.batch.table import write_tables
from slam.errors import SlamError
from slam.runs.claim import claimed

Show = Callable[["State"], None]


class State:
    """How far a batch is: outcomes by their jobs, in the order in which they came."""

    def __init__(self, jobs: Sequence[Job], done: Sequence[Outcome], at_once: int) -> None:
        self.jobs = list(jobs)
        self.outcomes = {outcome.job.path: outcome for outcome in done}
        self.num_kept = len(done)  # from an earlier call
        self._at_once = at_once

    @property
    def missing(self) -> list[Job]:
        """The jobs without an outcome."""
        return [job for job in self.jobs if job.path not in self.outcomes]

    @property
    def failures(self) -> list[Outcome]:
        """The outcomes of jobs that failed."""
        return [outcome for outcome in self.outcomes.values() if outcome.error]

    def add(self, outcome: Outcome) -> None:
        """Take in what came of a job."""
        self.outcomes[outcome.job.path] = outcome

    @property
    def left_s(self) -> float | None:
        """The time that the missing jobs will take, from what others like them took: the same in
        another repeat, else those with the same map, else any; None before the first.
        """
        took = [outcome for outcome in self.outcomes.values() if not outcome.error]
        if not took:
            return None
        total_s = 0.0
        for job in self.missing:
            same = [o.wall_s for o in took if (o.job.row, o.job.column) == (job.row, job.column)]
            alike = [o.wall_s for o in took if o.job.config.map == job.config.map]
            total_s += statistics.median(same or alike or [o.wall_s for o in took])
        return total_s / max(1, min(self._at_once, len(self.missing)))


def batch(jobs: Sequence[Job], out: Path, runner: Runner, show: Show) -> State:
    """Run the jobs that have no finished run folder in `out` yet, and write the tables and the
    report of all; also where it is interrupted, and the same call goes on from there.

    `show` is called at the start and after each job. Jobs that failed are rows with their reasons,
    and are tried again by the next call.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SlamError(f"cannot create {out}: {error.strerror}") from error
    with claimed(out):
        done = [outcome for job in jobs if (outcome := finished(job, out / job.path)) is not None]
        state = State(jobs, done, runner.at_once)
        show(state)
        try:
            for outcome in runner.run(state.missing, out):
                state.add(outcome)
                write_tables(out, state.jobs, state.outcomes)
                show(state)
        finally:
            write_tables(out, state.jobs, state.outcomes)
            write_report(out, state.jobs, state.outcomes)
    return state
