"""Polycam, an app for phones with lidar: its raw data, one file of each kind a keyframe."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera
from slam.errors import SlamError
from slam.geometry import Transform
from slam.sources.camera_json import read_json
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.intrinsics import checked
from slam.sources.numbered import (
    Number,
    color_files_by_number,
    depth_files_by_number,
    files_like,
    require_frames,
)
from slam.sources.phone import LIDAR_NOISE, one_view
from slam.sources.poses import OPENGL_AXES, pose_of, trajectory_from
from slam.sources.time_stamps import unit_of
from slam.trajectory import Trajectory

DEPTH_SCALE = 1000.0


def list_polycam(folder: Path) -> Listing:
    """List the keyframes in the order of their times, which are their names.

    `cameras/*.json` hold the intrinsics of `images/`, and T_world_camera of OpenGL's axes;
    `corrected_cameras/` and `corrected_images/` are there where the app has optimised poses. The
    focus breathes by some tenths of a percent: that of the middle frame is taken. Confidence is 0,
    54 or 255.
    """
    root = folder / "keyframes"
    depth_files = depth_files_by_number(root / "depth", "*[0-9].png")
    require_frames(depth_files, root, "depth/*.png")
    images = color_files_by_number(root / "corrected_images")
    cameras = _json_files(root / "cameras")
    corrected = _json_files(root / "corrected_cameras")
    stamps = np.array([number[0] for number in depth_files], dtype=np.float64)
    timestamps_s = stamps * unit_of(stamps, root / "depth").seconds
    color_files = images or color_files_by_number(root / "images")
    confidence = depth_files_by_number(root / "confidence", "*[0-9].png")
    of_images = list((corrected if images else cameras or corrected).values())
    if not of_images:
        raise SlamError(f"no cameras in {root}: expected cameras/*.json")
    depth = list(depth_files.values())
    return Listing(
        name=folder.resolve().name,
        rig=one_view(depth, _camera(of_images[len(of_images) // 2])),
        storage=DepthStorage(DEPTH_SCALE),
        depth_noise=LIDAR_NOISE,
        timestamps_s=timestamps_s,
        depth=depth,
        color=[color_files.get(number) for number in depth_files],
        confidence=[confidence.get(number) for number in depth_files],
        true_poses=partial(
            _poses, timestamps_s, [(cameras | corrected).get(number) for number in depth_files]
        ),
    )


def _json_files(folder: Path) -> dict[Number, Path]:
    return {(int(path.stem),): path for path in files_like(folder, "*.json") if path.stem.isdigit()}


def _camera(path: Path) -> Camera:
    values = read_json(path)
    try:
        size = int(values["width"]), int(values["height"])
        camera = Camera(*size, *(float(values[name]) for name in ("fx", "fy", "cx", "cy")))
    except (KeyError, ValueError, TypeError) as error:
        raise SlamError(
            f"{path} must hold width, height, fx, fy, cx, cy (wrong or missing: {error})"
        ) from error
    return checked(camera, path)


def _poses(timestamps_s: Float64[np.ndarray, "n"], paths: list[Path | None]) -> Trajectory | None:
    poses = [None if path is None else _pose(read_json(path)) for path in paths]
    return trajectory_from(timestamps_s, poses)


def _pose(values: dict[str, Any]) -> Transform | None:
    numbers = [values.get(f"t_{row}{column}", np.nan) for row in range(3) for column in range(4)]
    T = pose_of(np.array(numbers, dtype=np.float64))
    return None if T is None else T @ OPENGL_AXES
