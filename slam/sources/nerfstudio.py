"""nerfstudio's `transforms.json` with `depth_file_path`, which many converters write."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera, DepthNoise
from slam.errors import SlamError
from slam.geometry import Transform
from slam.sources.camera_json import read_json
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.intrinsics import checked
from slam.sources.phone import one_view
from slam.sources.poses import OPENGL_AXES, pose_of, trajectory_from
from slam.trajectory import Trajectory

DEPTH_SCALE = 1000.0
FPS = 30.0


def list_nerfstudio(folder: Path) -> Listing:
    """List the frames with depth in the order of the numbers in their names, at nominal times.

    The matrices are T_world_camera of OpenGL's axes. Lens distortion is not in the listing: where
    the file states some, it is refused.
    """
    path = folder / "transforms.json"
    values = read_json(path)
    frames = [frame for frame in values.get("frames", []) if _depth_name(frame)]
    if not frames:
        raise SlamError(f"{path}: no frame has a depth_file_path, and depth is needed")
    frames.sort(key=lambda frame: [int(n) for n in re.findall(r"\d+", frame["file_path"])])
    color_camera = _camera(path, values | frames[0])
    depth = [folder / _depth_name(frame) for frame in frames]
    timestamps_s = np.arange(len(frames)) / FPS
    unit_m = values.get("depth_unit_scale_factor") or values.get("integer_depth_scale")
    return Listing(
        name=folder.resolve().name,
        rig=one_view(depth, color_camera),
        storage=DepthStorage(1.0 / float(unit_m))
        if unit_m
        else DepthStorage(DEPTH_SCALE, scale_origin="the default of nerfstudio"),
        depth_noise=DepthNoise.kinect_v1(),
        timestamps_s=timestamps_s,
        depth=depth,
        color=[_image(folder / frame["file_path"]) for frame in frames],
        true_poses=partial(_poses, timestamps_s, frames),
    )


def _depth_name(frame: dict[str, Any]) -> str:
    """Return the depth image of a frame, as nerfstudio or as NeRFCapture names it; "" without."""
    return str(frame.get("depth_file_path") or frame.get("depth_path") or "")


def _image(path: Path) -> Path:
    """Return an image file, whose name may have been written without its ending."""
    return path if path.suffix else path.with_suffix(".png")


def _camera(path: Path, values: dict[str, Any]) -> Camera:
    """Read the camera; nerfstudio's pixels have their centres at halves."""
    try:
        size = int(values["w"]), int(values["h"])
        fx, fy = float(values["fl_x"]), float(values.get("fl_y", values["fl_x"]))
        camera = Camera(*size, fx, fy, float(values["cx"]) - 0.5, float(values["cy"]) - 0.5)
    except (KeyError, ValueError, TypeError) as error:
        raise SlamError(
            f"{path} must hold w, h, fl_x, fl_y, cx, cy (wrong or missing: {error})"
        ) from error
    bent = [name for name in ("k1", "k2", "k3", "k4", "p1", "p2") if values.get(name)]
    if bent:
        raise SlamError(f"{path}: images with distortion ({', '.join(bent)}): undistort them first")
    return checked(camera, path)


def _poses(
    timestamps_s: Float64[np.ndarray, "n"], frames: list[dict[str, Any]]
) -> Trajectory | None:
    return trajectory_from(timestamps_s, [_pose(frame) for frame in frames])


def _pose(frame: dict[str, Any]) -> Transform | None:
    T = pose_of(np.array(frame.get("transform_matrix", []), dtype=np.float64).ravel())
    return None if T is None else T @ OPENGL_AXES
