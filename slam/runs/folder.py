"""The folder that a run leaves, and how its files are written; `slam.runs.finished` reads them."""

import csv
import io
import json
import logging
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from slam.config import Config
from slam.config_file import dump_config
from slam.errors import SlamError
from slam.graph.graph import Graph
from slam.graph.graph_file import graph_text, loop_numbers
from slam.journal import FrameRecord
from slam.maps.base import Mesh
from slam.meshio import replaced_file, write_ply
from slam.runs.claim import clear
from slam.runs.frame_table import frames_text
from slam.trajectory import Trajectory, tum_text

ONLINE_NAME = "trajectory_online.txt"
_FIRST_METRICS = (
    "source map frames tracked lost dropped wall_s warmup_s polish_s fps tracking_ms mapping_ms "
    "peak_rss_mb map_mb ate_rmse_m ate_online_rmse_m ate_unaligned_rmse_m rpe_trans_m rpe_rot_deg "
    "mesh rendering"
).split()


class LogFile(logging.FileHandler):
    """A log file that stops at its first error and keeps it: a full disk makes no tracebacks."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless an earlier one failed."""
        if self.error is None:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Keep the error for `RunFolder.write_all`."""
        self.error = sys.exc_info()[1]


class RunFolder:
    """Writes the files of a run, each whole or not at all; a failure is a one-line `SlamError`."""

    def __init__(self, path: Path, goes_on: bool = False) -> None:
        """Create the folder. Files of an earlier run stay until they are written again, or, unless
        the run goes on with that one, until its first frame.
        """
        self.path = path
        self._goes_on = goes_on
        self._log_file: LogFile | None = None
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SlamError(f"cannot create run folder {path}: {error.strerror}") from error

    def log_handler(self) -> LogFile:
        """Open `run.log` and return its handler, always the same one, to attach to a logger."""
        if self._log_file is None:
            path = self.path / "run.log"
            try:
                mode = "a" if self._goes_on else "w"
                self._log_file = LogFile(path, mode=mode, encoding="utf-8")
            except OSError as error:
                raise SlamError(f"cannot write {path}: {error.strerror}") from error
            self._log_file.setFormatter(
                logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
            )
        return self._log_file

    def begin(self) -> None:
        """Remove what an earlier run left, unless this one goes on with it."""
        if not self._goes_on:
            clear(self.path)

    def map_path(self, suffix: str = ".npz") -> Path:
        """Return where the map is to be saved."""
        return self.path / f"map{suffix}"

    def write_config(self, config: Config) -> None:
        """Write `config.yaml`, which loads to an equal config."""
        self._write_text("config.yaml", dump_config(config))

    def write_trajectory(self, trajectory: Trajectory) -> None:
        """Write `trajectory.txt`, the final poses in TUM format."""
        self._write_text("trajectory.txt", tum_text(trajectory))

    def write_online_trajectory(self, trajectory: Trajectory) -> None:
        """Write `trajectory_online.txt`, the poses as they were tracked."""
        self._write_text(ONLINE_NAME, tum_text(trajectory))

    def write_part(self, number: int, trajectory: Trajectory) -> None:
        """Write `trajectory_N.txt`, the poses of one of several recordings or pieces."""
        self._write_text(f"trajectory_{number}.txt", tum_text(trajectory))

    def write_mesh(self, mesh: Mesh, number: int = 1) -> None:
        """Write `mesh.ply` and, where the map predicts, `mesh_predicted.ply`; of further pieces of
        a map `mesh_2.ply` and so on.
        """
        write_ply(self.path / ("mesh.ply" if number == 1 else f"mesh_{number}.ply"), mesh)

    def write_frames(self, records: Sequence[FrameRecord]) -> None:
        """Write `frames.csv`."""
        self._write_text("frames.csv", frames_text(records))

    def write_graph(self, graph: Graph) -> None:
        """Write `graph.json`, the pose graph, and `loops.csv`, a row for each place that was seen
        again; neither where there is none.
        """
        if len(graph):
            self._write_text("graph.json", graph_text(graph))
        rows = [loop_numbers(loop) for loop in graph.loops]
        if rows:
            text = io.StringIO()
            table = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
            table.writeheader()
            table.writerows({name: _short(value) for name, value in row.items()} for row in rows)
            self._write_text("loops.csv", text.getvalue())

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write `metrics.json`: fixed order, six significant digits, null for NaN and infinity."""
        self._write_json("metrics.json", metrics)

    def write_comparison(self, metrics: Mapping[str, Any]) -> None:
        """Write `comparison.json`, as `metrics.json` is written."""
        self._write_json("comparison.json", metrics)

    def write_report(self, html: str) -> None:
        """Write `report.html`."""
        self._write_text("report.html", html)

    def write_all(self, *writers: Callable[[], None]) -> None:
        """Call every writer even if one fails, then raise the first error."""
        errors: list[Exception] = []
        for write in writers:
            try:
                write()
            except OSError as error:  # from a writer of another module
                what = error.filename or self.path
                errors.append(SlamError(f"cannot write {what}: {error.strerror or error}"))
            except Exception as error:  # the other files are written all the same
                errors.append(error)
        if self._log_file and self._log_file.error:
            reason = getattr(self._log_file.error, "strerror", None) or self._log_file.error
            errors.append(SlamError(f"cannot write {self.path / 'run.log'}: {reason}"))
        if errors:
            raise errors[0]

    def _write_json(self, name: str, metrics: Mapping[str, Any]) -> None:
        keys = [key for key in _FIRST_METRICS if key in metrics]
        keys += [key for key in metrics if key not in _FIRST_METRICS]
        values = {key: _plain(metrics[key]) for key in keys}
        self._write_text(name, json.dumps(values, indent=2, allow_nan=False) + "\n")

    def _write_text(self, name: str, text: str) -> None:
        with replaced_file(self.path / name) as file:
            file.write(text.encode("utf-8"))


def _short(value: Any) -> Any:
    """Return a number with six digits, nothing for one that is not finite; others as they are."""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return value


def _plain(value: Any) -> Any:
    """Turn a metric into what JSON holds."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
