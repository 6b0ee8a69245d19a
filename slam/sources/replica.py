"""Replica as NICE-SLAM ships it: `results/`, `traj.txt`, `cam_params.json`."""

import json
from pathlib import Path

import numpy as np

from slam.camera import Camera, DepthNoise
from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.depth_reader import DepthReader
from slam.sources.images import read_color_or_none
from slam.sources.listing import files_by_number, require_frames
from slam.sources.poses import parse_pose, trajectory_from
from slam.sources.registered import require_same_size
from slam.trajectory import Trajectory

FPS = 30.0


class ReplicaSource:
    """A rendered room; time stamps are nominal, frame number / 30 Hz."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.resolve().name
        self.camera, depth_scale = _read_camera(folder)
        self.depth_noise = DepthNoise.rendered()
        self._depth_reader = DepthReader(self.camera, depth_scale)
        self._folder = folder
        depth_files = files_by_number(folder / "results", "depth*.png")
        require_frames(depth_files, folder, "results/depth000000.png and so on")
        color_files = files_by_number(folder / "results", "frame*.*")
        self._depth_paths = list(depth_files.values())
        self._color_paths = [color_files.get(number) for number in depth_files]
        self._numbers = np.array([number[0] for number in depth_files], dtype=np.int64)
        self.timestamps_s = self._numbers / FPS

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        depth_m = self._depth_reader.read(self._depth_paths[index])
        color = read_color_or_none(self._color_paths[index])
        require_same_size(depth_m, color, self._depth_paths[index].name)
        return Frame(
            index, float(self.timestamps_s[index]), self.camera, depth_m, color, self.depth_noise
        )

    def ground_truth(self) -> Trajectory | None:
        """Return `traj.txt`: T_world_camera of OpenCV axes, line n (from 0) for frame number n."""
        path = self._folder / "traj.txt"
        if not path.exists():
            return None
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        poses = [
            parse_pose(lines[number]) if number < len(lines) else None for number in self._numbers
        ]
        return trajectory_from(self.timestamps_s, poses)


def _read_camera(folder: Path) -> tuple[Camera, float]:
    """Read the camera and the depth scale from `cam_params.json`, here or one folder up."""
    resolved = folder.resolve()
    candidates = [resolved / "cam_params.json", resolved.parent / "cam_params.json"]
    path = next((path for path in candidates if path.exists()), None)
    if path is None:
        raise SlamError(f"no cam_params.json in {folder} or in the folder above it")
    try:
        values = json.loads(path.read_text())["camera"]
        intrinsics = [float(values[key]) for key in ("fx", "fy", "cx", "cy")]
        return Camera(int(values["w"]), int(values["h"]), *intrinsics), float(values["scale"])
    except (ValueError, KeyError, TypeError) as error:
        raise SlamError(
            f"{path} must hold camera: w, h, fx, fy, cx, cy, scale (wrong or missing: {error})"
        ) from error
