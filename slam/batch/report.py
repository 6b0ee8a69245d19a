"""The page of a batch: what failed, its tables, plots across the recordings, and its runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slam.batch.job import Job
from slam.batch.table import Group, Outcomes, columns_of, groups_of, tables_of
from slam.evaluation.systems import system_colors
from slam.meshio import replaced_file
from slam.report.html import (
    Cell,
    Table,
    page,
    paragraph,
    plot,
    scrolling,
    section,
    table,
    unfolding,
)
from slam.report.plots import Range, plot_ranges
from slam.report.summary import NOTES, NOTHING, TITLES, Row


def write_report(out: Path, jobs: Sequence[Job], outcomes: Outcomes) -> None:
    """Write `report.html`; it leads to the reports of the runs beside it."""
    html = batch_html(jobs, outcomes)
    with replaced_file(out / "report.html") as file:
        file.write(html.encode("utf-8"))


def batch_html(jobs: Sequence[Job], outcomes: Outcomes) -> str:
    """Return the page."""
    groups = groups_of(jobs, outcomes)
    tabled = list(tables_of(groups))
    rows = list(dict.fromkeys(group.row for group in groups))
    body = (
        paragraph(_lead(jobs, outcomes, groups), "lead")
        + section("What failed", "".join(map(paragraph, _failures(outcomes))))
        + section("Figures", "".join(scrolling(table(content)) for _, content in tabled), _NOTE)
        + unfolding("How these are measured", paragraph(NOTES))
        + section("Across the recordings", "".join(_plot(row, rows, groups) for row, _ in tabled))
        + section("Runs", scrolling(table(_runs(jobs, outcomes))))
    )
    return page("Batch", f"{len(columns_of(groups))} methods on {len(rows)} recordings", body)


_NOTE = """
Medians over the repeats, in brackets the least and the largest; the best of a row is tinted, of the
methods that lost the fewest frames. The last row is the mean of those recordings for which all
methods have the figure.
"""


def _lead(jobs: Sequence[Job], outcomes: Outcomes, groups: Sequence[Group]) -> str:
    num_done = sum(group.num_done for group in groups)
    devices = {str(o.metrics["device"]) for o in outcomes.values() if o.metrics.get("device")}
    parts = [f"{num_done} of {len(jobs)} runs done", *sorted(devices)]
    if len(outcomes) < len(jobs):
        parts.insert(1, f"{len(jobs) - len(outcomes)} still to do")
    return " \N{MIDDLE DOT} ".join(parts)


def _failures(outcomes: Outcomes) -> list[str]:
    return [f"{outcome.job}: {outcome.error}" for outcome in outcomes.values() if outcome.error]


def _plot(row: Row, places: Sequence[str], groups: Sequence[Group]) -> str:
    columns = columns_of(groups)
    by_place = {(group.row, group.column): group.figure(row.path) for group in groups}
    ranges = []
    for column, color in zip(columns, system_colors(columns), strict=True):
        figures = [by_place.get((place, column)) for place in places]
        values = [
            np.array([np.nan if f is None else row.factor * f[end] for f in figures])
            for end in ("median", "min", "max")
        ]
        ranges.append(Range(column, color, *values))
    if not any(np.nan_to_num(each.high).any() for each in ranges):
        return ""  # nothing was lost, as a rule
    title = f"{TITLES[row.path]}: {row.label}"
    return plot(title, plot_ranges(title, _unit(row.label), places, ranges))


def _unit(label: str) -> str:
    return label.rpartition("(")[2].rstrip(")") if label.endswith(")") else ""


def _runs(jobs: Sequence[Job], outcomes: Outcomes) -> Table:
    """Return a table of all runs, each with the way to its own report."""
    num_repeats = max(job.repeat for job in jobs)
    lines: dict[str, list[Cell]] = {}
    for job in sorted(jobs, key=lambda job: job.repeat):
        outcome = outcomes.get(job.path)
        if outcome is None:
            cell = Cell(NOTHING)
        elif outcome.error:
            cell = Cell("failed")
        else:
            cell = Cell(f"{outcome.wall_s:.0f} s", address=f"{job.path.as_posix()}/report.html")
        lines.setdefault(f"{job.row}, {job.column}", []).append(cell)
    columns = [f"run {repeat}" for repeat in range(1, num_repeats + 1)]
    return Table("wall time with scores", columns, list(lines.items()), [None] * num_repeats)
