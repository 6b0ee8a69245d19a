"""One job of a batch: a run with its scores, and what marks it as done.

Loading this module loads no kernels: where a job runs, its cores are chosen first.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slam.config import Config
from slam.errors import SlamError

if TYPE_CHECKING:
    from slam.control.controls import Controls
    from slam.device import DeviceChoice

logger = logging.getLogger(__name__)
DONE_NAME = "job.json"  # in a run folder, written last


@dataclass(frozen=True)
class Job:
    """A run of a batch. In its tables it stands in a row, which is what was recorded, and in a
    column, which is the method; `swept` are the settings that distinguish it from other jobs.
    """

    source: str
    config: Config
    row: str
    column: str
    repeat: int  # from 1 on
    device: "DeviceChoice" = "auto"
    swept: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where its run folder is in that of the batch."""
        return Path(self.row) / self.column / str(self.repeat)

    def __str__(self) -> str:
        return f"{self.row}, {self.column}, run {self.repeat}"


@dataclass(frozen=True)
class Outcome:
    """What came of a job: the metrics of its run, or why there are none."""

    job: Job
    wall_s: float
    metrics: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def run_job(job: Job, folder: Path, controls: "Controls | None" = None) -> Outcome:
    """Run a job into a folder, score it, and mark the folder as done; what goes wrong is in the
    outcome. KeyboardInterrupt where the controls have ended the run early.
    """
    start_s = time.monotonic()
    try:
        metrics = _scored_run(job, folder, controls)
        wall_s = time.monotonic() - start_s
        _mark_done(job, folder, wall_s)
    except Exception as error:  # whatever one fails of, the others go on
        logger.info("%s failed", job, exc_info=error)
        return Outcome(job, time.monotonic() - start_s, error=reason_of(error))
    return Outcome(job, wall_s, metrics)


def _scored_run(job: Job, folder: Path, controls: "Controls | None") -> Mapping[str, Any]:
    from slam.bench.memory import PeakMemory
    from slam.control.controls import Controls
    from slam.device import resolve
    from slam.report.results import evaluate_results
    from slam.runs.loop import Onlookers
    from slam.runs.single import RunOptions, run
    from slam.sources.detect import open_source_or_stream

    (folder / DONE_NAME).unlink(missing_ok=True)
    controls = controls or Controls()
    PeakMemory()  # sets back the peak that the metrics tell: of this job, where the system can
    source = open_source_or_stream(job.source, job.config)
    device = resolve(job.device, job.config, [job.config.map])
    options = RunOptions(folder, job.source, device=device)
    run(source, job.config, options, Onlookers(controls=controls))
    if controls.is_quit:
        raise KeyboardInterrupt
    (system,), _ = evaluate_results([folder])
    return system.metrics


def _mark_done(job: Job, folder: Path, wall_s: float) -> None:
    from slam.meshio import replaced_file

    about = {"source": job.source, "device": job.device, "wall_s": round(wall_s, 3)}
    with replaced_file(folder / DONE_NAME) as file:
        file.write((json.dumps(about) + "\n").encode())


def finished(job: Job, folder: Path) -> Outcome | None:
    """Return the outcome of a job that an earlier call has done; None if it is still to do.

    SlamError where the folder holds a finished run of something else.
    """
    from slam.runs.finished import load_run

    try:
        about = json.loads((folder / DONE_NAME).read_text())
    except (OSError, ValueError):
        return None
    done = load_run(folder)
    if (about["source"], about["device"], done.config) != (job.source, job.device, job.config):
        raise SlamError(
            f"{folder} is of another batch: {_difference(job, about, done.config)}; "
            "give another --out"
        )
    return Outcome(job, float(about["wall_s"]), done.metrics)


def _difference(job: Job, about: Mapping[str, Any], config: Config) -> str:
    """Name the first thing in which a job is not what was done."""
    from slam.config_file import settings, value_of

    pairs = [(name, getattr(job, name), about[name]) for name in ("source", "device")]
    pairs += [
        (setting.name, value_of(job.config, setting.name), value_of(config, setting.name))
        for setting in settings()
    ]
    name, asked, done = next(pair for pair in pairs if pair[1] != pair[2])
    return f"{name} was {done}, now it is {asked}"


def reason_of(error: BaseException) -> str:
    """Return an error as one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, SlamError) else f"{type(error).__name__}: {text}"
