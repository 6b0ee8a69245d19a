"""Evaluation of a finished run: scores into `metrics.json`, and the report anew."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from slam.evaluation.rendering import RenderingScores
from slam.evaluation.scores import scored
from slam.evaluation.systems import SystemRun, as_system
from slam.evaluation.whole import Sdf
from slam.maps.base import Mesh
from slam.report.document import report_html
from slam.runs.finished import load_run
from slam.runs.folder import RunFolder
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
    no pictures of the mesh, which need open3d; `results.evaluate_results` adds them.
    """
    system = as_system(run_dir.resolve().name, load_run(run_dir))
    system = with_scores(system, source, gt_mesh, gt_sdf, rendering)
    RunFolder(run_dir).write_metrics(system.metrics)
    report = report_html([system], None if source is None else source.ground_truth())
    RunFolder(run_dir).write_report(report)
    return system.metrics


def with_scores(
    system: SystemRun,
    source: Source | None,
    gt_mesh: Mesh | None = None,
    gt_sdf: Sdf | None = None,
    rendering: RenderingScores | None = None,
) -> SystemRun:
    """Do the same, but write nothing; return the run with its metrics."""
    system = scored(system, source, gt_mesh, gt_sdf)
    if rendering is not None:
        metrics = system.metrics | {"rendering": asdict(rendering)}
        system = replace(system, metrics=metrics)
    return system
