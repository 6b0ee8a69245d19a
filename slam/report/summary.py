"""The figures of a report: which metrics are shown, in which units, and which value is best."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slam.evaluation.systems import SystemRun
from slam.report.html import Cell, Table

COMMON = ("source", "map", "device")  # of all systems as a rule; then they head the page
NOTHING = "\N{EM DASH}"
NOTES = """
ATE: frames paired one to one within 20 ms, rigid alignment without scale; unaligned: aligned at
the first frame only. RPE: over 1 s. Mesh: points sampled by area on both meshes, culled by view
frustum and by occlusion behind the true mesh; exact point-to-mesh distances. Depth L1: random
views near the trajectory, mean over pixels where both meshes are hit; holes: the share of pixels
where only the truth is. Whole room: without culling, all of the true surface that one could stand
before or reach into. Mesh against the recording: frames that all systems tracked, mapped or not,
against the mesh at the system's own poses; holes: the share of measured pixels where the mesh shows
nothing. All mesh scores but those that say so are of the mesh without predicted surface. Held-out
frames: tracked but not mapped, against the final map at their final poses; PSNR per frame, then
averaged, black in holes.
"""
_COMPARED_NOTE = "The best value of a row is tinted."


@dataclass(frozen=True)
class Row:
    """A metric by its path in `metrics.json`, how it is shown, and which end is the better one."""

    path: str
    label: str
    factor: float = 1.0
    better: Literal["low", "high"] | None = None
    is_shown: Callable[[Sequence[Any]], bool] = lambda values: True


def _differ(values: Sequence[Any]) -> bool:
    return len({value for value in values if value is not None}) > 1


def _happened(values: Sequence[Any]) -> bool:
    return any(values)


def _is_seen(factor: float = 1.0) -> Callable[[Sequence[Any]], bool]:
    """Leave out what would be shown as 0.000: a run without it has a rounding error there."""
    return lambda values: any(value and abs(factor * value) >= 0.0005 for value in values)


_GROUPS: dict[str, list[Row]] = {
    "Run": [
        *(Row(path, path, is_shown=_differ) for path in COMMON),
        Row("frames", "frames"),
        Row("tracked", "tracked"),
        Row("weak", "of these weak", better="low", is_shown=_happened),
        Row("lost", "lost", better="low"),
        Row("dropped", "dropped, came too late", better="low", is_shown=_happened),
        Row("bad_frames", "unusable frames", is_shown=_happened),
        Row("refused_frames", "beyond the memory budget", better="low", is_shown=_happened),
        Row("final_state", "state at the end"),
        Row("wall_s", "wall time (s)"),
        Row("warmup_s", "warm-up before (s)"),
        Row("polish_s", "work after the last frame (s)", is_shown=_is_seen()),
    ],
    "Speed and memory": [
        Row("fps", "frames per second", better="high"),
        *(
            Row(f"{stage}_ms.{key}", f"{stage} {name} (ms)", better="low")
            for stage in ("tracking", "mapping")
            for key, name in (("p50", "median"), ("p95", "95th percentile"), ("max", "maximum"))
        ),
        Row("map_mb", "map (MB)", better="low"),
        Row("peak_rss_mb", "process at its peak (MB)", better="low"),
    ],
    "Trajectory": [
        Row("ate_rmse_m", "ATE RMSE (cm)", 100.0, "low"),
        Row("ate_online_rmse_m", "ATE RMSE, as tracked (cm)", 100.0, "low"),
        Row("ate_mean_m", "ATE mean (cm)", 100.0, "low"),
        Row("ate_median_m", "ATE median (cm)", 100.0, "low"),
        Row("ate_max_m", "ATE max (cm)", 100.0, "low"),
        Row("ate_unaligned_rmse_m", "ATE RMSE, unaligned (cm)", 100.0, "low"),
        Row("rpe_trans_m", "RPE, translation (cm)", 100.0, "low"),
        Row("rpe_rot_deg", "RPE, rotation (deg)", 1.0, "low"),
        Row("final_drift_m", "final drift (cm)", 100.0, "low"),
        Row("path_length_m", "path length (m)"),
        Row("num_associated", "frames compared"),
    ],
    "Loops": [
        Row("loops.accepted", "accepted", is_shown=_happened),
        Row("loops.refused", "refused", is_shown=_happened),
        Row("loops.largest_offset_m", "largest offset found (cm)", 100.0, is_shown=_happened),
        Row("loops.pieces", "pieces", is_shown=lambda values: any(v and v > 1 for v in values)),
        Row("loops.moves", "times the map was moved", is_shown=_happened),
        Row(
            "loops.map_off_m", "map is off the trajectory by (cm)", 100.0, is_shown=_is_seen(100.0)
        ),
    ],
    "Mesh against the truth": [
        Row("mesh.accuracy_cm", "accuracy (cm)", 1.0, "low"),
        Row("mesh.completion_cm", "completion (cm)", 1.0, "low"),
        Row("mesh.completion_ratio", "completed within 5 cm (%)", 100.0, "high"),
        Row("mesh.precision", "precision at 1 cm (%)", 100.0, "high"),
        Row("mesh.recall", "recall at 1 cm (%)", 100.0, "high"),
        Row("mesh.f1", "F1 at 1 cm (%)", 100.0, "high"),
        Row("mesh.depth_l1_cm", "depth L1 (cm)", 1.0, "low"),
        Row("mesh.depth_hole_ratio", "holes (%)", 100.0, "low"),
        Row("mesh.whole_completion_ratio", "whole room within 5 cm (%)", 100.0, "high"),
        Row("mesh.whole_completion_ratio_predicted", "the same with predicted surface (%)", 100.0),
        Row("mesh.predicted_accuracy_cm", "accuracy of the predicted surface (cm)", 1.0, "low"),
    ],
    "Mesh against the recording": [
        Row("recording.depth_median_cm", "depth error, median (cm)", 1.0, "low"),
        Row("recording.depth_p95_cm", "depth error, 95th percentile (cm)", 1.0, "low"),
        Row("recording.hole_ratio", "holes (%)", 100.0, "low"),
        Row("recording.psnr_db", "PSNR of the colours (dB)", 1.0, "high"),
        Row("recording.num_frames", "frames compared"),
    ],
    "Held-out frames": [
        Row("rendering.psnr_db", "PSNR of what is rendered (dB)", 1.0, "high"),
        Row(
            "rendering.psnr_exposed_db",
            "PSNR at the exposure of the frames around (dB)",
            1.0,
            "high",
        ),
        Row("rendering.psnr_all_db", "PSNR of all pixels (dB)", 1.0, "high"),
        Row("rendering.hole_ratio", "holes (%)", 100.0, "low"),
        Row("rendering.depth_l1_cm", "depth L1 (cm)", 1.0, "low"),
        Row("rendering.num_frames", "frames compared"),
    ],
}

ROWS = {row.path: row for rows in _GROUPS.values() for row in rows}  # of all metrics, by path
TITLES = {row.path: title for title, rows in _GROUPS.items() for row in rows}  # of their tables


def summary_tables(systems: Sequence[SystemRun], colors: Sequence[str | None]) -> list[Table]:
    """Return the tables of all metrics that any of the systems has."""
    names = [system.name if len(systems) > 1 else "" for system in systems]
    tables = []
    for title, rows in _GROUPS.items():
        shown = [(row, [found(system.metrics, row.path) for system in systems]) for row in rows]
        cells = [
            (row.label, _cells(row, values))
            for row, values in shown
            if any(value is not None for value in values) and row.is_shown(values)
        ]
        tables.append(Table(title, names, cells, list(colors)))
    return tables


def common_values(systems: Sequence[SystemRun]) -> list[str]:
    """Return what all systems that say so have in common: source, map, device."""
    common = []
    for path in COMMON:
        values = {system.metrics[path] for system in systems if system.metrics.get(path)}
        common += map(str, values) if len(values) == 1 else []
    return common


def summary_note(systems: Sequence[SystemRun]) -> str:
    """Return what the tables' words mean."""
    return f"{_COMPARED_NOTE} {NOTES.strip()}" if len(systems) > 1 else NOTES.strip()


def found(metrics: Mapping[str, Any], path: str) -> Any:
    """Follow a dotted path; None if there is nothing, or a number that is not finite."""
    value: Any = metrics
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _cells(row: Row, values: Sequence[Any]) -> list[Cell]:
    """Show a row's numbers with equal decimals, so many that the smallest has three digits."""
    numbers = [row.factor * value for value in values if _is_number(value)]
    is_whole = row.factor == 1.0 and all(
        isinstance(value, int) for value in values if value is not None
    )
    decimals = 0 if is_whole else decimals_of(numbers)
    texts = [
        NOTHING
        if value is None
        else f"{row.factor * value:.{decimals}f}"
        if _is_number(value)
        else str(value)
        for value in values
    ]
    best = _best(row, numbers, decimals) if len(values) > 1 else None
    return [Cell(text, text == best) for text in texts]


def _best(row: Row, numbers: Sequence[float], decimals: int) -> str | None:
    """Return the best number as it is shown; None if nothing is better than another."""
    if row.better is None or len({f"{number:.{decimals}f}" for number in numbers}) < 2:
        return None
    return f"{(min if row.better == 'low' else max)(numbers):.{decimals}f}"


def decimals_of(numbers: Sequence[float]) -> int:
    """Return how many decimals show three digits of the smallest number, three at most."""
    smallest = min((abs(number) for number in numbers if number), default=1.0)
    return min(max(2 - math.floor(math.log10(smallest)), 0), 3)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
