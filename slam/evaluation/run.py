"""Evaluation of a finished run: scores into `metrics.json`, and the report anew."""

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from slam.errors import SlamError
from slam.evaluation.mesh import evaluate_mesh
from slam.evaluation.rendering import RenderingScores
from slam.evaluation.report import report_html
from slam.evaluation.trajectory import align, associate_poses, evaluate_trajectory
from slam.evaluation.whole import Sdf, evaluate_whole
from slam.geometry import transform_points
from slam.maps.base import Mesh
from slam.meshio import read_mesh
from slam.output import Run, RunFolder, load_run
from slam.sources.base import Source
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)


def evaluate_run(
    run_dir: Path,
    source: Source | None,
    gt_mesh: Mesh | None = None,
    gt_sdf: Sdf | None = None,
    rendering: RenderingScores | None = None,
) -> dict[str, Any]:
    """Score a run against true poses and a true mesh, where there are any; return its metrics.

    The true mesh is in the world of the true poses. `gt_sdf` is given with the mesh of a scene of
    solids, parts of which lie inside of others. `rendering` joins the other scores.
    """
    run = load_run(run_dir)
    truth = source.ground_truth() if source is not None else None
    metrics = dict(run.metrics)
    if truth is not None:
        try:
            metrics |= asdict(evaluate_trajectory(run.trajectory, truth))
            if run.online_trajectory is not None:
                online = evaluate_trajectory(run.online_trajectory, truth)
                metrics["ate_online_rmse_m"] = online.ate_rmse_m
        except SlamError as error:  # a run that was lost at once is still a run
            logger.warning("no trajectory scores: %s", error)
            truth = None
    if gt_mesh is not None:
        if source is None or truth is None:
            raise SlamError("a true mesh needs at least three true poses to align this run with")
        mesh = _aligned_mesh(run, truth)
        views = _views(run, truth).Ts_world_camera
        metrics["mesh"] = (
            (metrics.get("mesh") or {})
            | asdict(evaluate_mesh(mesh.observed(), gt_mesh, source.camera, views))
            | asdict(evaluate_whole(mesh, gt_mesh, gt_sdf))
        )
    if rendering is not None:
        metrics["rendering"] = asdict(rendering)
    folder = RunFolder(run_dir)
    report = report_html(replace(run, metrics=metrics), truth)
    folder.write_all(lambda: folder.write_metrics(metrics), lambda: folder.write_report(report))
    return metrics


def _aligned_mesh(run: Run, truth: Trajectory) -> Mesh:
    """Read the run's mesh and move it into the world of the true poses."""
    if run.mesh_path is None:
        raise SlamError(
            "the run has no mesh.ply to score; `slam mesh RUN` extracts one from its map"
        )
    mesh = read_mesh(run.mesh_path)
    T_truth_estimate = align(*associate_poses(run.trajectory, truth))
    vertices_m = transform_points(T_truth_estimate, mesh.vertices_m.astype(np.float64))
    return replace(mesh, vertices_m=vertices_m.astype(np.float32))


def _views(run: Run, truth: Trajectory) -> Trajectory:
    """Return the true poses of the run's time, lost frames too: what they saw should be mapped."""
    recorded_s = [record.timestamp_s for record in run.frames]
    stamps_s = np.array(recorded_s or list(run.trajectory.timestamps_s), dtype=np.float64)
    first_s, last_s = stamps_s.min() - 0.02, stamps_s.max() + 0.02
    is_in_run = (truth.timestamps_s >= first_s) & (truth.timestamps_s <= last_s)
    is_in_run &= np.isfinite(truth.Ts_world_camera).all(axis=(1, 2))
    return Trajectory(truth.timestamps_s[is_in_run], truth.Ts_world_camera[is_in_run])
