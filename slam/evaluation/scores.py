"""The scores of one system against true poses and a true mesh."""

import logging
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from slam.config import PlaybackConfig
from slam.errors import SlamError
from slam.evaluation.given_poses import doubt_about
from slam.evaluation.mesh import evaluate_mesh
from slam.evaluation.systems import SystemRun
from slam.evaluation.trajectory import align_worlds, evaluate_trajectory, relative_size
from slam.evaluation.whole import Sdf, evaluate_whole
from slam.evaluation.world import moved_mesh
from slam.maps.base import Mesh
from slam.meshio import read_with_predicted
from slam.runs.pieces import largest_first
from slam.sources.base import Source
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)
NUM_POINTS, NUM_DEPTH_VIEWS = 200_000, 1000  # as others score meshes


def scored(
    system: SystemRun,
    source: Source | None,
    gt_mesh: Mesh | None = None,
    gt_sdf: Sdf | None = None,
) -> SystemRun:
    """Add a system's scores to its metrics; without true poses there are none.

    The true mesh is in the world of the true poses. A system of which too few poses have a true one
    is not scored, with a warning; nor is another system's mesh, if it gave none.
    """
    truth = None if source is None else source.ground_truth()
    if source is None or truth is None:
        if gt_mesh is not None:
            raise SlamError("a true mesh needs at least three true poses to align a run with")
        return system
    metrics = dict(system.metrics)
    try:
        if not metrics.get("given_poses"):  # which are no result
            metrics |= _trajectory_scores(system, truth)
            _tell_doubts(system, source, truth)
    except SlamError as error:  # a run that was lost at once is still a run
        logger.warning("no scores of %s: %s", system.name, error)
        return system
    if gt_mesh is not None and (system.mesh_path is not None or system.run is not None):
        scores = _mesh_scores(system, source, truth, gt_mesh, gt_sdf)
        metrics["mesh"] = (metrics.get("mesh") or {}) | scores
    return replace(system, metrics=metrics)


def _tell_doubts(system: SystemRun, source: Source, truth: Trajectory) -> None:
    """Say what may be wrong with the truth, or with the size of the recording."""
    config = PlaybackConfig() if system.run is None else system.run.config.playback
    doubt = doubt_about(source, truth, config)
    if doubt:
        logger.warning("%s", doubt)
        return
    size = relative_size(system.trajectory, truth)
    if size is not None:
        logger.warning(
            "%s: its trajectory fits the true poses at %.3g times its size: depth_scale may have "
            "to be %.3g times what it is", system.name, size, 1.0 / size,
        )  # fmt: skip


def _trajectory_scores(system: SystemRun, truth: Trajectory) -> dict[str, Any]:
    scores = asdict(evaluate_trajectory(system.trajectory, truth))
    if system.run is not None and system.run.online_trajectory is not None:
        # a piece of map that joined another was tracked far from it
        largest = next(iter(largest_first(system.run.online_trajectory).values()), None)
        online = evaluate_trajectory(largest or Trajectory.empty(), truth)
        scores["ate_online_rmse_m"] = online.ate_rmse_m
    return scores


def _mesh_scores(
    system: SystemRun, source: Source, truth: Trajectory, gt_mesh: Mesh, gt_sdf: Sdf | None
) -> dict[str, Any]:
    if system.mesh_path is None:
        raise SlamError(
            f"{system.name} has no mesh.ply to score; `slam mesh RUN` extracts one from its map"
        )
    T_truth_system = align_worlds(system.trajectory, truth)
    mesh = moved_mesh(read_with_predicted(system.mesh_path), T_truth_system)
    views = true_views(system, truth).Ts_world_camera
    seen = evaluate_mesh(
        mesh.observed(), gt_mesh, source.camera, views, NUM_POINTS, NUM_DEPTH_VIEWS
    )
    return asdict(seen) | asdict(evaluate_whole(mesh, gt_mesh, gt_sdf, NUM_POINTS))


def true_views(system: SystemRun, truth: Trajectory) -> Trajectory:
    """Return the true poses of the run's time, lost frames too: what they saw should be mapped."""
    frames = [] if system.run is None else system.run.frames
    recorded_s = [record.timestamp_s for record in frames]
    stamps_s = np.array(recorded_s or list(system.trajectory.timestamps_s), dtype=np.float64)
    first_s, last_s = stamps_s.min() - 0.02, stamps_s.max() + 0.02
    is_in_run = (truth.timestamps_s >= first_s) & (truth.timestamps_s <= last_s)
    is_in_run &= np.isfinite(truth.Ts_world_camera).all(axis=(1, 2))
    return Trajectory(truth.timestamps_s[is_in_run], truth.Ts_world_camera[is_in_run])
