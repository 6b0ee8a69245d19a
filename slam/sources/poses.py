"""True poses: a TUM file, or a 4x4 matrix a frame."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.geometry import Transform, orthonormalise
from slam.trajectory import Trajectory, read_tum


def read_tum_if_there(paths: Sequence[Path]) -> Trajectory | None:
    """Read the first of these TUM files that exists; None where none does."""
    path = next((path for path in paths if path.exists()), None)
    return None if path is None else read_tum(path)


def read_poses(timestamps_s: Float64[np.ndarray, "n"], paths: Iterable[Path]) -> Trajectory | None:
    """Read a matrix a frame, each from a file of its own; None where no frame has a pose."""
    return trajectory_from(timestamps_s, [read_pose(path) for path in paths])


def parse_pose(text: str) -> Transform | None:
    """Return T_world_camera from 16 numbers, row by row; None where they are not finite."""
    try:
        values = np.array([float(field) for field in text.split()])
    except ValueError:
        return None
    if values.size != 16 or not np.isfinite(values).all():
        return None
    return orthonormalise(values.reshape(4, 4))


def read_pose(path: Path) -> Transform | None:
    """Read one file of a matrix; None where it is missing or not finite."""
    try:
        return parse_pose(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SlamError(f"cannot read {path}: {error}") from error


def trajectory_from(
    timestamps_s: Float64[np.ndarray, "n"], poses: list[Transform | None]
) -> Trajectory | None:
    """Join stamps and poses, leaving out frames without a pose; None where no frame has one."""
    known = [i for i, pose in enumerate(poses) if pose is not None]
    if not known:
        return None
    Ts_world_camera = np.array([pose for pose in poses if pose is not None])
    return Trajectory(timestamps_s[known], Ts_world_camera)
