"""The tables of a batch: a row a recording, a column a method, medians over the repeats."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slam.batch.job import Job, Outcome
from slam.bench.statistics import Spread, spread
from slam.evaluation.systems import system_colors
from slam.meshio import replaced_file
from slam.report.html import Cell, Table
from slam.report.summary import NOTHING, ROWS, TITLES, Row, decimals_of, found

Outcomes = Mapping[Path, Outcome]  # by the path of their jobs

FIGURES = (
    "ate_rmse_m", "rpe_trans_m", "rpe_rot_deg", "mesh.accuracy_cm", "mesh.completion_cm", "mesh.f1",
    "mesh.depth_l1_cm", "recording.depth_median_cm", "recording.psnr_db", "rendering.psnr_db",
    "rendering.depth_l1_cm", "fps", "map_mb", "peak_rss_mb", "lost",
)  # fmt: skip
MEAN = "mean"


@dataclass(frozen=True)
class Group:
    """The repeats of one method on one recording."""

    row: str
    column: str
    swept: Mapping[str, str]
    num_jobs: int
    outcomes: list[Outcome]

    @property
    def errors(self) -> list[str]:
        """Why repeats failed, each reason once."""
        return list(dict.fromkeys(outcome.error for outcome in self.outcomes if outcome.error))

    @property
    def num_done(self) -> int:
        """How many repeats there are."""
        return sum(not outcome.error for outcome in self.outcomes)

    def figure(self, path: str) -> Spread | None:
        """Return median, min and max of a metric over the repeats; None where none has it."""
        values = [found(o.metrics, path) for o in self.outcomes if not o.error]
        return spread([None if value is None else float(value) for value in values])


def groups_of(jobs: Sequence[Job], outcomes: Outcomes) -> list[Group]:
    """Put the repeats together, in the order of the jobs."""
    grouped: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        grouped.setdefault((job.row, job.column), []).append(job)
    return [
        Group(
            row,
            column,
            same[0].swept,
            len(same),
            [outcomes[job.path] for job in same if job.path in outcomes],
        )
        for (row, column), same in grouped.items()
    ]


def columns_of(groups: Sequence[Group]) -> list[str]:
    """Return the methods."""
    return list(dict.fromkeys(group.column for group in groups))


def tables_of(groups: Sequence[Group]) -> Iterator[tuple[Row, Table]]:
    """Yield a table for each figure that any group has; the best of each row is marked, of the
    methods that lost the fewest frames: the rest is not scored on all of them. Of several
    recordings the last row is the mean of those that all methods have the figure of.
    """
    columns = columns_of(groups)
    colors: list[str | None] = [*system_colors(columns)]
    rows = list(dict.fromkeys(group.row for group in groups))
    by_place = {(group.row, group.column): group for group in groups}
    lost = {place: group.figure("lost") for place, group in by_place.items()}
    lost_of = {name: [_median(lost.get((name, column))) for column in columns] for name in rows}
    for path in FIGURES:
        row = ROWS[path]
        values = {place: group.figure(path) for place, group in by_place.items()}
        if not any(values.values()):
            continue
        lines = [(name, [values.get((name, column)) for column in columns]) for name in rows]
        cells = [(name, _cells(row, values, lost_of[name])) for name, values in lines]
        whole = {name: line for name, line in lines if None not in line}
        if len(whole) > 1:
            means = [_mean(values) for values in zip(*whole.values(), strict=True)]
            sums = [sum(each) for each in zip(*(lost_of[name] for name in whole), strict=True)]
            cells.append((f"{MEAN} of {len(whole)}", _cells(row, means, sums)))
        yield row, Table(f"{TITLES[path]}: {row.label}", columns, cells, colors)


def _median(value: Spread | None) -> float:
    return 0.0 if value is None else value["median"]


def _mean(values: Sequence[Spread | None]) -> Spread:
    medians = [value["median"] for value in values if value is not None]
    mean = sum(medians) / len(medians)
    return {"median": mean, "min": mean, "max": mean}


def _cells(row: Row, values: Sequence[Spread | None], lost: Sequence[float]) -> list[Cell]:
    known = {k: row.factor * value["median"] for k, value in enumerate(values) if value is not None}
    decimals = 0 if all(m.is_integer() for m in known.values()) else decimals_of([*known.values()])
    shown = {k: f"{median:.{decimals}f}" for k, median in known.items()}
    best: list[int] = []
    if row.better is not None and len(set(shown.values())) > 1:
        fewest = min(lost[k] for k in known)
        fit = [k for k in known if lost[k] <= fewest]
        first = (min if row.better == "low" else max)(fit, key=lambda k: known[k])
        best = [k for k in fit if shown[k] == shown[first]]
    return [_cell(row, value, decimals, k in best) for k, value in enumerate(values)]


def _cell(row: Row, value: Spread | None, decimals: int, is_best: bool) -> Cell:
    if value is None:
        return Cell(NOTHING)
    median, low, high = (f"{row.factor * value[k]:.{decimals}f}" for k in ("median", "min", "max"))
    return Cell(median if low == high else f"{median} ({low}..{high})", is_best)


def write_tables(out: Path, jobs: Sequence[Job], outcomes: Outcomes) -> None:
    """Write `runs.csv`, a row a job, `batch.csv`, a row a group, and `batch.tex`."""
    groups = groups_of(jobs, outcomes)
    sweeps = list(dict.fromkeys(name for job in jobs for name in job.swept))
    _write(out / "runs.csv", _csv_text(_run_rows(jobs, outcomes, sweeps)))
    _write(out / "batch.csv", _csv_text(_group_rows(groups, sweeps)))
    _write(out / "batch.tex", tex_of(groups))


def _run_rows(
    jobs: Sequence[Job], outcomes: Outcomes, sweeps: Sequence[str]
) -> Iterator[Sequence[Any]]:
    names = ["recording", "method", "map", *sweeps, "repeat", "state", "reason", "wall_s"]
    yield [*names, *FIGURES, "folder"]
    for job in jobs:
        outcome = outcomes.get(job.path)
        state = "to do" if outcome is None else "failed" if outcome.error else "done"
        outcome = outcome or Outcome(job, 0.0)
        figures = [found(outcome.metrics, path) for path in FIGURES]
        settings = [job.swept.get(name, "") for name in sweeps]
        yield [
            job.row, job.column, job.config.map, *settings, job.repeat, state, outcome.error,
            round(outcome.wall_s, 1), *figures, job.path.as_posix(),
        ]  # fmt: skip


def _group_rows(groups: Sequence[Group], sweeps: Sequence[str]) -> Iterator[Sequence[Any]]:
    ends = ("median", "min", "max")
    names = [f"{path} {end}" for path in FIGURES for end in ends]
    yield ["recording", "method", *sweeps, "runs", "of", "reason", *names]
    for group in groups:
        figures = [
            "" if figure is None else figure[end]
            for figure in map(group.figure, FIGURES)
            for end in ends
        ]
        settings = [group.swept.get(name, "") for name in sweeps]
        yield [
            group.row, group.column, *settings, group.num_done, group.num_jobs,
            "; ".join(group.errors), *figures,
        ]  # fmt: skip


def _csv_text(rows: Iterator[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows
    )
    return text.getvalue()


def tex_of(groups: Sequence[Group]) -> str:
    """Return a LaTeX table for each figure, the best of each row in bold; it needs no package."""
    return "\n".join(_tex_table(table) for _, table in tables_of(groups))


def _tex_table(table: Table) -> str:
    lines = [
        f"% {table.title}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\hline",
        " & ".join(map(_tex, [table.title, *table.columns])) + r" \\",
        r"\hline",
    ]
    for name, cells in table.rows:
        if name.startswith(f"{MEAN} of "):
            lines.append(r"\hline")
        texts = [rf"\textbf{{{_tex(c.value)}}}" if c.is_best else _tex(c.value) for c in cells]
        lines.append(" & ".join([_tex(name), *texts]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _tex(text: str) -> str:
    """Escape what LaTeX would not take as it is."""
    text = text.replace(NOTHING, "--").replace("..", "--")
    return re.sub(r"([%&#_$])", r"\\\1", text)


def _write(path: Path, text: str) -> None:
    with replaced_file(path) as file:
        file.write(text.encode("utf-8"))
