"""Where recordings keep their true surface."""

from pathlib import Path

RUN_MARK = "metrics.json"  # what lies beside a run's own mesh.ply


def true_mesh_path(spec: str) -> Path | None:
    """Return the mesh of the true surface that comes with a recording, in the world of its true
    poses; None where there is none.

    `gt_mesh.ply` in its folder (Neural RGB-D), `NAME_mesh.ply` beside it (Replica, as NICE-SLAM
    ships it), or `mesh.ply` in it (`slam synth`), unless a run has been written to that folder.
    """
    folder = Path(spec).resolve()
    if not folder.is_dir():
        return None
    places = [folder / "gt_mesh.ply", folder.with_name(f"{folder.name}_mesh.ply")]
    if not (folder / RUN_MARK).is_file():
        places.append(folder / "mesh.ply")
    return next((place for place in places if place.is_file()), None)
