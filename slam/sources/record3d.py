"""Record3D, an app for phones with lidar: its export as EXR and JPG, with `metadata.json`."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera
from slam.errors import SlamError
from slam.geometry import Transform, transform_from_quaternion
from slam.sources.camera_json import read_json
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.intrinsics import checked
from slam.sources.numbered import color_files_by_number, depth_files_by_number, require_frames
from slam.sources.phone import LIDAR_NOISE, one_view
from slam.sources.poses import OPENGL_AXES, trajectory_from
from slam.trajectory import Trajectory

METRES = 1.0
_CONFIDENCE_FOLDERS = ("conf", "confidence")


def list_record3d(folder: Path) -> Listing:
    """List the frames in the order of their numbers; colour and depth have one optical centre.

    `metadata.json` holds colour's size (w, h), its matrix K column by column, fps, and a pose a
    frame (qx qy qz qw x y z): T_world_camera of ARKit's axes, y up and looking along -z.
    """
    root = folder / "EXR_RGBD" if (folder / "EXR_RGBD").is_dir() else folder
    place = next(path for path in (root, folder) if (path / "metadata.json").exists())
    path = place / "metadata.json"
    values = read_json(path)
    depth_files = depth_files_by_number(root / "depth")
    require_frames(depth_files, root, "depth/*.exr")
    color_files = color_files_by_number(root / "rgb")
    confidence: dict[tuple[int, ...], Path] = {}
    for name in _CONFIDENCE_FOLDERS:
        confidence |= depth_files_by_number(root / name)
    color_camera = color_camera_of(path, values)
    depth = list(depth_files.values())
    numbers = [number[0] for number in depth_files]
    timestamps_s = timestamps_of(values, numbers)
    return Listing(
        name=folder.resolve().name,
        rig=one_view(depth, color_camera),
        storage=DepthStorage(METRES),
        depth_noise=LIDAR_NOISE,
        timestamps_s=timestamps_s,
        depth=depth,
        color=[color_files.get(number) for number in depth_files],
        confidence=[confidence.get(number) for number in depth_files],
        true_poses=partial(poses_of, timestamps_s, numbers, values.get("poses", [])),
    )


def color_camera_of(path: object, values: dict[str, Any]) -> Camera:
    """Return the camera that `metadata.json` states; `SlamError` where it states none."""
    try:
        K = [float(value) for value in values["K"]]
        camera = Camera(int(values["w"]), int(values["h"]), K[0], K[4], K[6], K[7])
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise SlamError(f"{path} must hold w, h and K (wrong or missing: {error})") from error
    return checked(camera, path)


def timestamps_of(values: dict[str, Any], numbers: list[int]) -> Float64[np.ndarray, "n"]:
    """Return the times of the frames of these numbers."""
    stamps_s = values.get("frameTimestamps") or []
    if len(stamps_s) > max(numbers):
        return np.array([float(stamps_s[number]) for number in numbers])
    return np.array(numbers, dtype=np.float64) / float(values.get("fps") or 60.0)


def poses_of(
    timestamps_s: Float64[np.ndarray, "n"], numbers: list[int], rows: list[list[float]]
) -> Trajectory | None:
    """Return T_world_camera of the frames of these numbers, which have a row each."""
    poses = [_pose(rows[number]) if number < len(rows) else None for number in numbers]
    return trajectory_from(timestamps_s, poses)


def _pose(row: list[float]) -> Transform | None:
    values = np.array(row, dtype=np.float64)
    if values.size != 7 or not np.isfinite(values).all() or not values[:4].any():
        return None
    return transform_from_quaternion(values[4:], values[:4]) @ OPENGL_AXES
