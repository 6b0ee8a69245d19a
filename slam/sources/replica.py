"""Replica as NICE-SLAM ships it: `results/`, `traj.txt`, `cam_params.json`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera, DepthNoise
from slam.errors import SlamError
from slam.sources.camera_json import read_json
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.intrinsics import checked
from slam.sources.lens import Lens
from slam.sources.numbered import (
    color_files_by_number,
    depth_files_by_number,
    require_frames,
)
from slam.sources.poses import parse_pose, trajectory_from
from slam.sources.rig import Rig
from slam.text import read_text
from slam.trajectory import Trajectory

FPS = 30.0


def list_replica(folder: Path) -> Listing:
    """List a rendered room; time stamps are nominal, frame number / 30 Hz."""
    camera, depth_scale = _read_camera(folder)
    depth_files = depth_files_by_number(folder / "results", "depth*")
    require_frames(depth_files, folder, "results/depth*.png")
    color_files = color_files_by_number(folder / "results", "frame*")
    numbers = [number[0] for number in depth_files]
    timestamps_s = np.array(numbers, dtype=np.float64) / FPS
    return Listing(
        name=folder.resolve().name,
        rig=Rig(Lens(camera)),
        storage=DepthStorage(depth_scale),
        depth_noise=DepthNoise.rendered(),
        timestamps_s=timestamps_s,
        depth=list(depth_files.values()),
        color=[color_files.get(number) for number in depth_files],
        true_poses=partial(_read_poses, folder / "traj.txt", timestamps_s, numbers),
    )


def _read_poses(
    path: Path, timestamps_s: Float64[np.ndarray, "n"], numbers: Sequence[int]
) -> Trajectory | None:
    """Read T_world_camera of OpenCV axes, line n (from 0) for frame number n."""
    if not path.exists():
        return None
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    poses = [parse_pose(lines[number]) if number < len(lines) else None for number in numbers]
    return trajectory_from(timestamps_s, poses)


def _read_camera(folder: Path) -> tuple[Camera, float]:
    """Read the camera and the depth scale from `cam_params.json`, here or one folder up."""
    resolved = folder.resolve()
    candidates = [resolved / "cam_params.json", resolved.parent / "cam_params.json"]
    path = next((path for path in candidates if path.exists()), None)
    if path is None:
        raise SlamError(f"no cam_params.json in {folder} or in the folder above it")
    try:
        values = read_json(path)["camera"]
        intrinsics = [float(values[key]) for key in ("fx", "fy", "cx", "cy")]
        camera = Camera(int(values["w"]), int(values["h"]), *intrinsics)
        scale = float(values["scale"])
    except (ValueError, KeyError, TypeError) as error:
        raise SlamError(
            f"{path} must hold camera: w, h, fx, fy, cx, cy, scale (wrong or missing: {error})"
        ) from error
    return checked(camera, path), scale
