"""A run on disk as it is while it goes on: what a kill or a power cut leaves, and how to go on."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slam.errors import SlamError
from slam.journal import Earlier
from slam.runs.finished import Run
from slam.runs.folder import RunFolder
from slam.runs.loop import System
from slam.runs.metrics import write_files
from slam.trajectory import Trajectory
from slam.viewer.base import Snapshot
from slam.workers import Worker

logger = logging.getLogger(__name__)


class Checkpoints:
    """Watches a run and writes its map, poses, table and metrics every so many seconds, in a thread
    of its own; each file is whole at any time.

    Files that cannot be written cost a warning, not the run.
    """

    def __init__(
        self,
        period_s: float,
        write: Callable[[], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`write` writes all of it; a period of 0 writes never."""
        self._period_s = period_s
        self._now_s = now_s
        self._last_s = now_s()
        self._worker = Worker(self._write, name="checkpoint")
        self._write_all = write

    def __call__(self, snapshot: Snapshot) -> None:
        """Watch a frame."""
        self.tick()

    def tick(self) -> None:
        """Write if it is time, and if the last time is over."""
        is_due = self._period_s > 0 and self._now_s() >= self._last_s + self._period_s
        if is_due and self._worker.num_pending == 0:
            self._last_s = self._now_s()
            self._worker.submit(self._write_all)

    def settle(self) -> None:
        """Wait for what was begun."""
        self._worker.wait(0)

    def close(self) -> None:
        """Finish what was begun, and begin no more."""
        self._worker.close()

    def _write(self, write_all: Callable[[], None]) -> None:
        try:
            write_all()
        except Exception as error:  # whatever it is, the run goes on
            logger.warning("no checkpoint: %s", error)


def write_checkpoint(folder: RunFolder, system: System, metrics: Mapping[str, Any]) -> None:
    """Write everything but mesh and report, once a frame is mapped: nobody can go on with an empty
    map.
    """
    slam = system.slam
    if slam.journal.mapping_times.values_ms:
        write_files(
            folder,
            system,
            lambda: folder.write_trajectory(slam.trajectory()),
            {**metrics, "is_checkpoint": True},
        )


def earlier_of(run: Run) -> Earlier:
    """Return what a run had done when its folder was written last.

    A kill may have come between two of its files: what is not in all of them is done again.
    """
    final = run.poses()
    online = run.online_trajectory or final
    ends_s = [final.timestamps_s[-1:], online.timestamps_s[-1:]]
    end_s = min((float(end[0]) for end in ends_s if len(end)), default=-np.inf) + 1e-5
    records = [record for record in run.frames if record.timestamp_s <= end_s]
    end_s = records[-1].timestamp_s + 1e-5 if records else -np.inf
    graph = run.graph.until(records[-1].index if records else -1)
    return Earlier(records, _until(final, end_s), _until(online, end_s), graph)


def resumable(run: Run, path: Path) -> Path:
    """Return the map of a run that can be gone on with."""
    if run.map_path is None:
        raise SlamError(f"{path} has no saved map to go on with")
    if not run.frames:
        raise SlamError(f"{path} has no frames.csv: give its map to go on with")
    return run.map_path


def _until(trajectory: Trajectory, end_s: float) -> Trajectory:
    return trajectory.where(trajectory.timestamps_s <= end_s)
