"""True poses: a table of them, a matrix a frame, or Open3D's log."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.geometry import Transform, orthonormalise
from slam.sources.time_stamps import SECONDS, TimeUnit, unit_beside
from slam.text import numbered_rows, read_text
from slam.trajectory import Trajectory, read_tum

OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])  # of a camera: x right, y up, z backwards
_MATRIX_DRIFT = 0.1  # of R R^T from the identity; more is no rotation


def tum_if_there(
    paths: Sequence[Path], timestamps_s: Float64[np.ndarray, "n"], unit: TimeUnit = SECONDS
) -> "partial[Trajectory | None]":
    """Return what reads the first of these pose files that exists, at the frames' time: its stamps
    may have a unit of their own.
    """
    return partial(_read_tum_beside, paths, timestamps_s, unit)


def _read_tum_beside(
    paths: Sequence[Path], timestamps_s: Float64[np.ndarray, "n"], unit: TimeUnit
) -> Trajectory | None:
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return None
    poses = read_tum(path)
    if len(poses):
        unit = unit_beside(poses.timestamps_s, timestamps_s, unit)
        poses = Trajectory(poses.timestamps_s * unit.seconds, poses.Ts_world_camera)
    return poses


def matrix_files(
    timestamps_s: Float64[np.ndarray, "n"], paths: Sequence[Path]
) -> "partial[Trajectory | None]":
    """Return what reads a matrix a frame, each from a file of its own."""
    return partial(_read_matrices, timestamps_s, paths)


def _read_matrices(
    timestamps_s: Float64[np.ndarray, "n"], paths: Iterable[Path]
) -> Trajectory | None:
    return trajectory_from(timestamps_s, [read_pose(path) for path in paths])


def is_pose_log(path: Path) -> bool:
    """Tell Open3D's log from the other files that end so: three whole numbers, then four."""
    try:
        first, second = ([float(x) for x in row.split()] for row in _first_rows(path, 2))
    except (ValueError, SlamError):
        return False
    return len(first) == 3 and len(second) == 4


def _first_rows(path: Path, count: int) -> list[str]:
    return [text for _, text in islice(numbered_rows(path), count)]


def read_log(path: Path, timestamps_s: Float64[np.ndarray, "n"]) -> Trajectory | None:
    """Read Open3D's and Redwood's log: a line that starts with the frame's number in the sequence,
    then the four rows of T_world_camera.
    """
    rows = [text.split() for _, text in numbered_rows(path)]
    poses: list[Transform | None] = [None] * len(timestamps_s)
    for head, *matrix in (rows[k : k + 5] for k in range(0, len(rows) - 4, 5)):
        try:
            number = int(head[0])
        except ValueError as error:
            raise SlamError(
                f"{path}: expected a frame's number, then 4 rows of 4 numbers, got {head}"
            ) from error
        if 0 <= number < len(poses):
            poses[number] = parse_pose(" ".join(" ".join(row) for row in matrix))
    return trajectory_from(timestamps_s, poses)


def parse_pose(text: str) -> Transform | None:
    """Return T_world_camera from 16 or 12 numbers, row by row; None where they are no pose."""
    try:
        values = np.array([float(field) for field in text.replace(",", " ").split()])
    except ValueError:
        return None
    return pose_of(values)


def pose_of(values: Float64[np.ndarray, "n"]) -> Transform | None:
    """Return T_world_camera from the numbers of a matrix; None where they are no pose."""
    if values.size not in (12, 16) or not np.isfinite(values).all():
        return None
    T = np.eye(4)
    T[:3] = values[:12].reshape(3, 4)
    if np.abs(T[:3, :3] @ T[:3, :3].T - np.eye(3)).max() > _MATRIX_DRIFT:
        return None
    return orthonormalise(T)


def read_pose(path: Path) -> Transform | None:
    """Read one file of a matrix; None where it is missing or no pose."""
    return parse_pose(read_text(path)) if path.exists() else None


def trajectory_from(
    timestamps_s: Float64[np.ndarray, "n"], poses: Sequence[Transform | None]
) -> Trajectory | None:
    """Join stamps and poses, leaving out frames without a pose; None where no frame has one."""
    known = [i for i, pose in enumerate(poses) if pose is not None]
    if not known:
        return None
    Ts_world_camera = np.array([pose for pose in poses if pose is not None])
    return Trajectory(timestamps_s[known], Ts_world_camera)
