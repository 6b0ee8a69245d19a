"""From a run folder and the name of a format to files."""

from dataclasses import dataclass, replace
from pathlib import Path

from slam.errors import SlamError
from slam.export.axes import R_ZUP_YUP, y_up_rotation
from slam.export.glb import write_glb
from slam.export.keyframes import every_nth, keyframes
from slam.export.kitti import kitti_text
from slam.export.nerfstudio import write_nerfstudio
from slam.export.points import surface_points, write_points
from slam.maps.base import Mesh
from slam.meshio import read_with_predicted, replaced_file, write_ply
from slam.runs.finished import Run, load_run
from slam.runs.replay import replay
from slam.sources.base import Source
from slam.sources.detect import open_source
from slam.trajectory import tum_text


@dataclass(frozen=True)
class ExportOptions:
    """What goes into an export, where there is a choice."""

    with_predicted: bool = False  # surface that no camera has seen
    every: int | None = None  # n-th frame to export as images; None: keyframes


def export_run(
    run_dir: Path, format: str, out: Path | None = None, options: ExportOptions | None = None
) -> str:
    """Write a finished run in another format, by default into its folder `export`; return a line
    about it. The mesh is the run's mesh.ply, as `slam mesh` last wrote it.
    """
    if format not in FORMATS:
        raise SlamError(f"unknown format {format!r}; choose one of {', '.join(FORMATS)}")
    options = options or ExportOptions()
    if options.every is not None and format != "nerfstudio":
        raise SlamError(f"--every chooses images; {format} has none")
    run = load_run(run_dir)
    write, name = FORMATS[format]
    path = out or run_dir / "export" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SlamError(f"cannot create {path.parent}: {error.strerror}") from error
    return f"{write(run, path, options)}: {path}"


def _ply(run: Run, path: Path, options: ExportOptions) -> str:
    mesh = _mesh(run, options)
    write_ply(path, mesh)
    return _size(mesh)


def _glb(run: Run, path: Path, options: ExportOptions) -> str:
    mesh = _mesh(run, options)
    write_glb(path, mesh, y_up_rotation(run.trajectory.Ts_world_camera))
    return _size(mesh)


def _points(run: Run, path: Path, options: ExportOptions) -> str:
    cloud = surface_points(_mesh(run, options))
    write_points(path, cloud)
    return f"{len(cloud)} points"


def _tum(run: Run, path: Path, options: ExportOptions) -> str:
    return _write_text(run, path, tum_text(run.trajectory))


def _kitti(run: Run, path: Path, options: ExportOptions) -> str:
    return _write_text(run, path, kitti_text(run.trajectory))


def _write_text(run: Run, path: Path, text: str) -> str:
    with replaced_file(path) as file:
        file.write(text.encode("ascii"))
    return f"{len(run.trajectory)} poses of {run.metrics['frames']} frames"


def _nerfstudio(run: Run, path: Path, options: ExportOptions) -> str:
    source = _source(run)
    records = keyframes(run) if options.every is None else every_nth(run, options.every)
    R_zup_world = R_ZUP_YUP @ y_up_rotation(run.trajectory.Ts_world_camera)
    # predicted surface has the colour of a warning, not of the room: nothing to train from
    cloud = surface_points(_mesh(run, replace(options, with_predicted=False)))
    count = write_nerfstudio(path, source.camera, replay(run, source, records), cloud, R_zup_world)
    # said by sources that straighten them, for whoever trains with a camera model of their own
    note = ", undistorted" if getattr(source, "is_undistorted", False) else ""
    return f"{count} images{note}"


def _mesh(run: Run, options: ExportOptions) -> Mesh:
    if run.mesh_path is None:
        raise SlamError("the run has no mesh.ply; `slam mesh RUN` extracts one from its map")
    whole = read_with_predicted(run.mesh_path)
    mesh = whole if options.with_predicted else whole.observed()
    if not len(mesh.triangles):
        raise SlamError(f"mesh {run.mesh_path} is empty")
    return mesh


def _size(mesh: Mesh) -> str:
    return f"{len(mesh.vertices_m)} vertices, {len(mesh.triangles)} triangles"


def _source(run: Run) -> Source:
    """Open the recording that the run was made of, for its images."""
    spec = run.metrics.get("source")
    try:
        return open_source(str(spec), run.config)
    except SlamError as error:
        raise SlamError(f"the images of this run are gone: {error}") from error


# how each is written, and its name in the run's folder `export`
FORMATS = {
    "ply": (_ply, "mesh.ply"),
    "glb": (_glb, "mesh.glb"),
    "points": (_points, "points.ply"),
    "tum": (_tum, "trajectory_tum.txt"),
    "kitti": (_kitti, "trajectory_kitti.txt"),
    "nerfstudio": (_nerfstudio, "nerfstudio"),
}
