"""Cameras and other values that are stored as JSON."""

import json
from pathlib import Path
from typing import Any

from slam.camera import Camera
from slam.errors import SlamError
from slam.sources.camera_file import CameraFile
from slam.sources.intrinsics import checked
from slam.text import read_text


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds keys and values."""
    try:
        values = json.loads(read_text(path))
    except ValueError as error:
        raise SlamError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise SlamError(f"{path} must hold keys and values, got {type(values).__name__}")
    return values


def read_open3d_camera(path: Path) -> CameraFile:
    """Read Open3D's intrinsics: width, height, and the 3x3 matrix column by column."""
    values = read_json(path)
    try:
        K = [float(value) for value in values["intrinsic_matrix"]]
        camera = Camera(int(values["width"]), int(values["height"]), K[0], K[4], K[6], K[7])
        scale = values.get("depth_scale")
        fps = float(values.get("fps", 30.0))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise SlamError(
            f"{path} must hold width, height and intrinsic_matrix (9 numbers, column by column); "
            f"wrong or missing: {error}"
        ) from error
    c = checked(camera, path)
    scale = None if scale is None else float(scale)
    values = (c.width, c.height, c.fx, c.fy, c.cx, c.cy)
    return CameraFile(*values, depth_scale=scale, fps=fps)
