"""The report of a benchmark as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slam.bench.statistics import Spread

COLUMNS: dict[str, Callable[[Mapping[str, Spread | None]], str]] = {
    "frames": lambda s: _number(s["frames"], "{:.0f}"),
    "fps (min..max)": lambda s: _with_range(s["fps"]),
    "ATE cm": lambda s: _number(s["ate_rmse_m"], "{:.3f}", 100.0),
    "track ms p50": lambda s: _number(s["tracking.p50"], "{:.1f}"),
    "p95": lambda s: _number(s["tracking.p95"], "{:.1f}"),
    "lost": lambda s: _number(s["lost"], "{:.0f}"),
    "map MB": lambda s: _number(s["map_mb"], "{:.0f}"),
    "RSS MB": lambda s: _number(s["peak_rss_mb"], "{:.0f}"),
    "added": lambda s: _number(s["added_rss_mb"], "{:.0f}"),
}


def table(report: Mapping[str, Any]) -> str:
    """Lay out what `slam.bench.benchmark.bench` returned."""
    contenders = report["contenders"]
    rows = [["", *COLUMNS]]
    rows += [
        [name, *(cell(contender["summary"]) for cell in COLUMNS.values())]
        for name, contender in contenders.items()
    ]
    machine = report["machine"]
    head = (
        f"{report['source']}, {report['frames']} frames decoded beforehand, "
        f"{report['repeats']} runs each, medians\n{machine['cpu']}, {machine['cores']} cores\n"
        f"ours on {report['device']}"
    )
    return "\n".join([head, "", *aligned(rows), "", *_remarks(report)]).rstrip()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pad the cells to columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _remarks(report: Mapping[str, Any]) -> list[str]:
    remarks = [
        f"{pair}: {_factor(factors['fps'])} the frame rate,"
        f" {_factor(factors['ate_rmse_m'])} the ATE"
        for pair, factors in report["ratios"].items()
    ]
    remarks += [f"{name}: absent: {reason}" for name, reason in report["absent"].items()]
    for name, contender in report["contenders"].items():
        errors = {run["error"] for run in contender["runs"] if run["error"]}
        remarks += [f"{name}: ended early: {error}" for error in sorted(errors)]
        most_lost = max(run["lost"] or 0 for run in contender["runs"])
        if most_lost:
            remarks.append(f"{name}: lost up to {most_lost} frames a run, which its ATE leaves out")
    if len({run["frames"] for c in report["contenders"].values() for run in c["runs"]}) > 1:
        remarks.append("not all ran over the same number of frames: the ATE do not compare")
    return remarks


def _factor(factor: float | None) -> str:
    return "unknown times" if factor is None else f"{factor:.3g} times"


def _number(values: Spread | None, text: str, scale: float = 1.0) -> str:
    return "-" if values is None else text.format(scale * values["median"])


def _with_range(values: Spread | None) -> str:
    if values is None:
        return "-"
    return f"{values['median']:.1f} ({values['min']:.1f}..{values['max']:.1f})"
