"""The report of a run: one HTML file that needs nothing else."""

import base64
import html
import math
from collections.abc import Mapping
from typing import Any

from slam.config import dump_config
from slam.evaluation import plots
from slam.evaluation.trajectory import align, associate_poses, position_errors_m
from slam.geometry import inverse
from slam.output import Run
from slam.trajectory import Trajectory

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff;
       max-width: 1160px; margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 1.6em; margin-bottom: 0; }
h2 { font-size: 1.2em; margin-top: 1.8em; }
p.lead { color: #57606a; margin-top: 0.2em; }
img { max-width: 100%; display: block; margin: 0.4em 0 1em; }
div.tables { display: flex; flex-wrap: wrap; gap: 0 3.5em; align-items: flex-start; }
table { border-collapse: collapse; margin: 0.3em 0; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.2em; }
td { padding: 0.18em 1.6em 0.18em 0; border-bottom: 1px solid #e6e8eb; vertical-align: top; }
td.number { text-align: right; padding-right: 0; font-variant-numeric: tabular-nums; }
pre { background: #f6f8fa; padding: 1em; overflow-x: auto; font-size: 13px; }
"""
_NOTES = """
ATE: frames paired one to one within 20 ms, rigid alignment without scale; unaligned: aligned at
the first frame only. RPE: over 1 s. Mesh: points sampled by area on both meshes, culled by view
frustum and by occlusion behind the true mesh; exact point-to-mesh distances. Depth L1: random
views near the trajectory, mean over pixels where both meshes are hit; holes: the share of pixels
where only the truth is. Whole room: without culling, all of the true surface that one could stand
before or reach into. All other mesh scores are of the mesh without predicted surface. Held-out
frames: tracked but not mapped, against the final map at their final poses; PSNR per frame, then
averaged, black in holes.
"""
# metric, its label, the factor to the unit shown, that unit
_ACCURACY = [
    ("ate_rmse_m", "ATE RMSE", 100.0, "cm"),
    ("ate_online_rmse_m", "ATE RMSE, as tracked", 100.0, "cm"),
    ("ate_mean_m", "ATE mean", 100.0, "cm"),
    ("ate_median_m", "ATE median", 100.0, "cm"),
    ("ate_max_m", "ATE max", 100.0, "cm"),
    ("ate_unaligned_rmse_m", "ATE RMSE, unaligned", 100.0, "cm"),
    ("rpe_trans_m", "RPE, translation", 100.0, "cm"),
    ("rpe_rot_deg", "RPE, rotation", 1.0, "deg"),
    ("final_drift_m", "final drift", 100.0, "cm"),
    ("path_length_m", "path length", 1.0, "m"),
    ("num_associated", "frames compared", 1.0, ""),
]
_MESH = [
    ("accuracy_cm", "accuracy", 1.0, "cm"),
    ("completion_cm", "completion", 1.0, "cm"),
    ("completion_ratio", "completed within 5 cm", 100.0, "%"),
    ("precision", "precision at 1 cm", 100.0, "%"),
    ("recall", "recall at 1 cm", 100.0, "%"),
    ("f1", "F1 at 1 cm", 100.0, "%"),
    ("depth_l1_cm", "depth L1", 1.0, "cm"),
    ("depth_hole_ratio", "holes", 100.0, "%"),
    ("whole_completion_ratio", "whole room within 5 cm", 100.0, "%"),
    ("whole_completion_ratio_predicted", "the same with predicted surface", 100.0, "%"),
    ("predicted_accuracy_cm", "accuracy of the predicted surface", 1.0, "cm"),
]
_RENDERING = [
    ("psnr_db", "PSNR of what is rendered", 1.0, "dB"),
    ("psnr_all_db", "PSNR of all pixels", 1.0, "dB"),
    ("hole_ratio", "holes", 100.0, "%"),
    ("depth_l1_cm", "depth L1", 1.0, "cm"),
    ("num_frames", "frames compared", 1.0, ""),
]
# shown elsewhere, not under Run
_APART = {"mesh", "rendering", "versions", *(key for key, *_ in _ACCURACY)}


def report_html(run: Run, truth: Trajectory | None = None) -> str:
    """Return the report of a run as HTML; without truth it has no error plot."""
    metrics = run.metrics
    source = metrics.get("source", "")
    lead = " · ".join(str(metrics[key]) for key in ("source", "map", "device") if metrics.get(key))
    tables = _table("Run", _rows(metrics)) + _table("Trajectory", _chosen(metrics, _ACCURACY))
    tables += _table("Mesh", _chosen(metrics.get("mesh") or {}, _MESH))
    tables += _table("Held-out frames", _chosen(metrics.get("rendering") or {}, _RENDERING))
    images = "".join(_image(name, png) for name, png in _plots(run, truth))
    versions = _table("Versions", _rows(metrics.get("versions") or {}))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_text(source)} report</title><style>{_STYLE}</style></head>\n"
        "<body><h1>Run report</h1>"
        f'<p class="lead">{_text(lead)}</p>\n<div class="tables">{tables}</div>\n'
        f'<p class="lead">{_NOTES.strip()}</p>\n<h2>Plots</h2>\n{images}'
        f"<h2>Config</h2>\n<pre>{_text(dump_config(run.config))}</pre>\n{versions}</body></html>\n"
    )


def _plots(run: Run, truth: Trajectory | None) -> list[tuple[str, bytes]]:
    images: list[tuple[str, bytes]] = []
    if truth is not None:
        paired, true_poses = associate_poses(run.trajectory, truth)
        T_truth_estimate = align(paired, true_poses)
        in_estimate = inverse(T_truth_estimate) @ true_poses.Ts_world_camera
        true_path = Trajectory(true_poses.timestamps_s, in_estimate)
        errors_m = position_errors_m(paired, true_poses, T_truth_estimate)
        images.append(("trajectory", plots.plot_paths(run.trajectory, true_path)))
        images.append(("error over time", plots.plot_errors(paired.timestamps_s, errors_m)))
    elif len(run.trajectory):
        images.append(("trajectory", plots.plot_paths(run.trajectory, None)))
    if run.frames:
        images.append(("tracking state", plots.plot_states(run.frames)))
        images.append(("time per frame", plots.plot_times(run.frames)))
        images.append(("residuals", plots.plot_residuals(run.frames)))
    return images


def _image(name: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{_text(name)}" src="data:image/png;base64,{data}">\n'


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f'<tr><td>{_text(name)}</td><td class="number">{_text(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table><caption>{_text(title)}</caption>{cells}</table>\n"


def _rows(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List plain values as they are, one level of nesting in one cell."""
    rows = []
    for name, value in metrics.items():
        if name in _APART or value is None:
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {_number(item)}" for key, item in value.items())
        rows.append((name, _number(value)))
    return rows


def _chosen(
    metrics: Mapping[str, Any], choice: list[tuple[str, str, float, str]]
) -> list[tuple[str, str]]:
    return [
        (label, f"{_number(factor * metrics[key])} {unit}".strip())
        for key, label, factor, unit in choice
        if _is_finite(metrics.get(key))
    ]


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _number(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return str(int(value)) if value.is_integer() else f"{value:.4g}"


def _text(value: object) -> str:
    return html.escape(str(value))
