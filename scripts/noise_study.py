#!/usr/bin/env python3
"""How trajectory and surface bear gross errors: a Kinect's noise plus a share of outliers.

For each map, way of fusion and share, one after another: `slam run SOURCE --noise kinect
--noise.outliers SHARE --deterministic`, then `slam eval` against the exact surface; at the end, a
Markdown table. A run that was scored in an earlier call is not repeated; delete its folder to
measure it anew:

    scripts/noise_study.py [SOURCE] [--maps tsdf,neural] [--fusion average,learned]
                           [--outliers 0,0.01,0.05,0.1] [--out FOLDER]
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from study_runs import ROOT, StudyError, measured

COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "ATE, cm": lambda m: _number(m.get("ate_rmse_m"), "{:.3f}", 100.0),
    "lost frames": lambda m: f"{m['lost']} of {m['frames']}",
    "accuracy, cm": lambda m: _number(m["mesh"]["accuracy_cm"], "{:.3f}"),
    "completion ratio (5 cm), %": lambda m: _number(m["mesh"]["completion_ratio"], "{:.2f}", 100.0),
    "F1 (1 cm), %": lambda m: _number(m["mesh"]["f1"], "{:.2f}", 100.0),
    "depth L1, cm": lambda m: _number(m["mesh"]["depth_l1_cm"], "{:.3f}"),
}


class Setting(NamedTuple):
    """What one row of the table is of."""

    map: str
    fusion: str
    share: float  # of outliers


def scores(source: str, setting: Setting, out: Path, limit: int) -> dict[str, Any]:
    """Return the metrics of one run, which is made and scored unless that was done before."""
    place, share = source.strip("/").replace("/", "_").replace(":", "-"), f"{setting.share:g}"
    name = "-".join([place, setting.map, setting.fusion, share])
    run = out / (f"{name}-{limit}" if limit else name)
    noise = ("--noise", "kinect", "--noise.outliers", share)
    maps = ("--map", setting.map, "--fusion", setting.fusion, "--deterministic")
    metrics = measured(run, source, [*maps, *noise, "--limit", str(limit)])
    if not metrics.get("mesh"):
        raise StudyError(f"{source} has no exact surface: no mesh scores in {run}")
    return metrics


def table(results: Mapping[Setting, Mapping[str, Any] | str]) -> str:
    """Lay out metrics, or why there are none, by map, fusion and share of outliers."""
    lines = [
        "| map | fusion | outliers | " + " | ".join(COLUMNS) + " |",
        "| --- " * (3 + len(COLUMNS)) + "|",
    ]
    for setting, metrics in results.items():
        if isinstance(metrics, str):
            cells = [metrics, *[""] * (len(COLUMNS) - 1)]
        else:
            cells = [cell(metrics) for cell in COLUMNS.values()]
        words = setting.map, setting.fusion, f"{setting.share:.0%}"
        lines.append("| " + " | ".join([*words, *cells]) + " |")
    return "\n".join(lines)


def _number(value: float | None, text: str, scale: float = 1.0) -> str:
    return "-" if value is None else text.format(scale * value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing and print the table; 1 if something failed."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", nargs="?", default="synthetic:room")
    parser.add_argument("--maps", default="tsdf,neural", help="separated by commas")
    parser.add_argument("--fusion", default="average,learned", help="separated by commas")
    parser.add_argument("--outliers", default="0,0.01,0.05,0.1", help="shares of valid pixels")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "noise_study")
    parser.add_argument("--limit", type=int, default=0, help="frames of each run; 0 = all")
    options = parser.parse_args(arguments)
    results: dict[Setting, Mapping[str, Any] | str] = {}
    lists = options.maps.split(","), options.fusion.split(","), options.outliers.split(",")
    for map_name, fusion, share in itertools.product(*lists):
        setting = Setting(map_name, fusion, float(share))
        print(f"{map_name}, {fusion}, {share} outliers", file=sys.stderr, flush=True)
        try:
            found = scores(options.source, setting, options.out, options.limit)
        except StudyError as error:
            found = f"failed: {error}"
        results[setting] = found
    print(f"`{options.source}`, `--noise kinect`:\n")
    print(table(results))
    return int(any(isinstance(found, str) for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
