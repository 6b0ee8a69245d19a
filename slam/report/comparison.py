"""Several systems on one recording: their scores side by side, and one report of all of them."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from slam.evaluation.scores import scored
from slam.evaluation.systems import SystemRun, load_systems
from slam.evaluation.whole import Sdf
from slam.maps.base import Mesh
from slam.meshio import replaced_file
from slam.report.document import report_html
from slam.report.exhibits import exhibit
from slam.sources.base import Source


def compare_runs(
    run_dirs: Sequence[Path],
    source: Source | None,
    report_path: Path,
    names: Sequence[str] | None = None,
    gt_mesh: Mesh | None = None,
    gt_sdf: Sdf | None = None,
) -> dict[str, Any]:
    """Compare result folders of one recording, write the joint report, and return the scores.

    A folder is a run of ours as `slam.runs.finished` reads it, or of another system: a
    `trajectory.txt` in TUM format and a `mesh.ply`. The names are the folders' if none are given.
    The true mesh is as `evaluate_run` takes it. Nothing but the report is written.

    Returns:
        `systems`: by name, the metrics of the run with those measured here; `mesh_difference`: the
        distances between the meshes, all points together, `of` each and of `pairs`, None for a
        single mesh.
    """
    systems = [scored(system, source, gt_mesh, gt_sdf) for system in load_systems(run_dirs, names)]
    return write_comparison(systems, source, report_path, gt_mesh)


def write_comparison(
    systems: Sequence[SystemRun],
    source: Source | None,
    report_path: Path,
    gt_mesh: Mesh | None = None,
) -> dict[str, Any]:
    """Write the report of systems that have their scores, as `compare_runs` does; one is enough."""
    truth = None if source is None else source.ground_truth()
    shown = exhibit(systems, source, truth, gt_mesh)
    systems = [
        replace(system, metrics=system.metrics | {"recording": asdict(shown.scores[system.name])})
        if system.name in shown.scores
        else system
        for system in systems
    ]
    html = report_html(systems, truth, shown.html)
    with replaced_file(report_path) as file:
        file.write(html.encode("utf-8"))
    return {
        "systems": {system.name: system.metrics for system in systems},
        "mesh_difference": shown.mesh_difference,
    }
