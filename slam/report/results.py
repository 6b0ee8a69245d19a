"""What `slam eval` does: scores and reports of finished runs, ours and other systems'."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slam.config import Config
from slam.errors import SlamError
from slam.evaluation.mesh import is_in_view
from slam.evaluation.rendering import rendering_scores
from slam.evaluation.scores import scored
from slam.evaluation.systems import SystemRun, load_systems
from slam.evaluation.whole import Sdf
from slam.maps.base import Mesh
from slam.meshio import read_mesh
from slam.report.comparison import write_comparison
from slam.report.finished_run import with_scores
from slam.runs.folder import RunFolder
from slam.sources.base import Source
from slam.sources.detect import is_stream, open_source
from slam.sources.synthetic import SyntheticSource
from slam.sources.true_mesh import true_mesh_path

logger = logging.getLogger(__name__)


def evaluate_results(
    paths: Sequence[Path],
    source_spec: str | None = None,
    gt_mesh_path: Path | None = None,
    report_path: Path | None = None,
) -> tuple[list[SystemRun], Path]:
    """Score result folders of one recording; return the systems and where their report is.

    A run of ours gets its metrics and its report anew; in a folder that cannot be written they stay
    as they are, with a warning, where the report goes elsewhere. Several results get a joint
    report, too, by default `comparison.html` where one is. The recording is that of our runs if
    none is named.
    """
    systems = load_systems(paths)
    spec = source_spec or _shared_spec(systems)
    gt_mesh, gt_sdf = _true_surface(spec, gt_mesh_path)
    config = next((system.run.config for system in systems if system.run is not None), Config())
    is_elsewhere = len(systems) > 1 or report_path is not None
    for k, (path, system) in enumerate(zip(paths, systems, strict=True)):
        if system.run is None:
            systems[k] = scored(system, _reopened(spec, config), gt_mesh, gt_sdf)
            continue
        source = _reopened(spec, system.run.config)
        rendering = None if source is None else rendering_scores(system.run, source)
        systems[k] = with_scores(system, source, gt_mesh, gt_sdf, rendering)
        if is_elsewhere and not os.access(path, os.W_OK):
            logger.warning("%s cannot be written: its metrics and report stay as they are", path)
        else:
            systems[k] = _written(path, systems[k], source, gt_mesh)
    if len(systems) == 1 and systems[0].run is not None and report_path is None:
        return systems, paths[0] / "report.html"
    if report_path is None:
        report_path = Path("comparison.html") if len(systems) > 1 else paths[0] / "report.html"
    result = write_comparison(systems, _reopened(spec, config), report_path, gt_mesh)
    metrics = result["systems"]
    return [replace(system, metrics=metrics[system.name]) for system in systems], report_path


def _written(
    path: Path, system: SystemRun, source: Source | None, gt_mesh: Mesh | None
) -> SystemRun:
    """Write the metrics of a run of ours, and its report with pictures."""
    RunFolder(path).write_metrics(system.metrics)
    result = write_comparison([system], source, path / "report.html", gt_mesh)
    system = replace(system, metrics=result["systems"][system.name])
    RunFolder(path).write_metrics(system.metrics)
    return system


def _shared_spec(systems: Sequence[SystemRun]) -> str:
    """Return the recording that all of our runs are of."""
    specs = {
        system.name: _located(system.metrics["source"])
        for system in systems
        if system.run is not None
    }
    if not specs:
        raise SlamError(f"{systems[0].name} does not say of which recording it is: give --source")
    if len(set(specs.values())) > 1:
        said = ", ".join(f"{name} of {spec}" for name, spec in specs.items())
        raise SlamError(f"these runs are of different recordings: {said}; --source names the one")
    return next(iter(specs.values()))


def _located(spec: str) -> str:
    return str(Path(spec).resolve()) if Path(spec).exists() else spec


def _reopened(spec: str, config: Config) -> Source | None:
    """Open a recording again; None for a stream, which has passed."""
    return None if is_stream(spec) else open_source(spec, config)


def _true_surface(spec: str, gt_mesh_path: Path | None) -> tuple[Mesh | None, Sdf | None]:
    """Read the true mesh, or take that of a synthetic scene, or the one that a recording brings."""
    if gt_mesh_path is not None:
        return read_mesh(gt_mesh_path), None
    clean = _reopened(spec, Config())  # noise belongs to the recording, not to its truth
    if isinstance(clean, SyntheticSource):
        return clean.scene.mesh(), clean.scene.sdf
    return _brought_mesh(spec, clean), None


def _brought_mesh(spec: str, source: Source | None) -> Mesh | None:
    """Return the true mesh that comes with a recording, if the true poses see it. Nobody has named
    it, so one that is of no use is left out with a warning.
    """
    path = true_mesh_path(spec)
    truth = None if source is None or path is None else source.ground_truth()
    if path is None or source is None or truth is None:
        return None
    try:
        mesh = read_mesh(path)
        if is_in_view(mesh, source.camera, truth.Ts_world_camera):
            return mesh
        logger.warning("%s is not what the true poses see; meshes are not scored with it", path)
    except SlamError as error:
        logger.warning("meshes are not scored: %s", error)
    return None
