"""Evaluation of a finished run: scores into `metrics.json`, and the report anew."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from slam.errors import SlamError
from slam.evaluation.rendering import RenderingScores
from slam.evaluation.report import report_html
from slam.evaluation.scores import mesh_scores, trajectory_scores
from slam.evaluation.systems import as_system
from slam.evaluation.whole import Sdf
from slam.maps.base import Mesh
from slam.output import RunFolder, load_run
from slam.sources.base import Source


def evaluate_run(
    run_dir: Path,
    source: Source | None,
    gt_mesh: Mesh | None = None,
    gt_sdf: Sdf | None = None,
    rendering: RenderingScores | None = None,
) -> dict[str, Any]:
    """Score a run against true poses and a true mesh, where there are any; return its metrics.

    The true mesh is in the world of the true poses. `gt_sdf` is given with the mesh of a scene of
    solids, parts of which lie inside of others. `rendering` joins the other scores. The report has
    no pictures of the mesh, which need open3d; `comparison.compare_runs` adds them.
    """
    run = load_run(run_dir)
    system = as_system(run_dir.resolve().name, run)
    truth = source.ground_truth() if source is not None else None
    metrics = dict(run.metrics)
    if truth is not None:
        scores = trajectory_scores(system, truth)
        truth = None if scores is None else truth
        metrics |= scores or {}
    if gt_mesh is not None:
        if source is None or truth is None:
            raise SlamError("a true mesh needs at least three true poses to align this run with")
        scores = mesh_scores(system, source, truth, gt_mesh, gt_sdf)
        metrics["mesh"] = (metrics.get("mesh") or {}) | scores
    if rendering is not None:
        metrics["rendering"] = asdict(rendering)
    folder = RunFolder(run_dir)
    report = report_html([replace(system, metrics=metrics)], truth)
    folder.write_all(lambda: folder.write_metrics(metrics), lambda: folder.write_report(report))
    return metrics
