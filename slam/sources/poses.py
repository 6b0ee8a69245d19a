"""Ground truth that is stored as 4x4 matrices."""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.geometry import Transform, orthonormalise
from slam.trajectory import Trajectory


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
