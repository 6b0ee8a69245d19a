"""ScanNet as SensReader exports it: `color/`, `depth/`, `pose/`, `intrinsic/`."""

from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError, SlamError
from slam.frame import Frame
from slam.sources.depth_reader import DepthReader
from slam.sources.images import read_color_or_none, read_image
from slam.sources.listing import Number, files_by_number, require_frames
from slam.sources.poses import read_pose, trajectory_from
from slam.sources.registered import FixedWarp
from slam.trajectory import Trajectory

DEPTH_SCALE = 1000.0
FPS = 30.0


class ScanNetSource:
    """A Structure sensor (a Kinect v1 in kind); time stamps are nominal, frame number / 30 Hz.

    Colour (1296x968) has its own intrinsics but, as exported, depth's optical centre: it is
    resampled for depth's pixels.
    """

    def __init__(self, folder: Path) -> None:
        depth_files = files_by_number(folder / "depth", "*.png")
        require_frames(depth_files, folder, "depth/0.png and so on")
        color_files = files_by_number(folder / "color", "*.*")
        self.name = folder.resolve().name
        self.camera = _read_camera(folder / "intrinsic" / "intrinsic_depth.txt", depth_files)
        self.depth_noise = DepthNoise.kinect_v1()
        self._depth_reader = DepthReader(self.camera, DEPTH_SCALE)
        self._folder = folder
        self._depth_paths = list(depth_files.values())
        self._color_paths = [color_files.get(number) for number in depth_files]
        self._numbers = [number[0] for number in depth_files]
        self.timestamps_s = np.array(self._numbers, dtype=np.float64) / FPS
        self._warp = None
        if color_files:
            color_camera = _read_camera(folder / "intrinsic" / "intrinsic_color.txt", color_files)
            self._warp = FixedWarp(color_camera, self.camera)

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        depth_m = self._depth_reader.read(self._depth_paths[index])
        color = read_color_or_none(self._color_paths[index])
        if color is not None and self._warp is not None:
            color = self._warp(color)
        return Frame(
            index, float(self.timestamps_s[index]), self.camera, depth_m, color, self.depth_noise
        )

    def ground_truth(self) -> Trajectory | None:
        """Return `pose/*.txt` (T_world_camera), without the frames that ScanNet itself lost."""
        paths = [self._folder / "pose" / f"{number}.txt" for number in self._numbers]
        return trajectory_from(self.timestamps_s, [read_pose(path) for path in paths])


def _read_camera(path: Path, files: dict[Number, Path]) -> Camera:
    """Read the matrix of intrinsics; the image size is that of the first image that can be read."""
    try:
        K = np.loadtxt(path)
    except (OSError, ValueError) as error:
        raise SlamError(f"cannot read {path}: {error}") from error
    if K.shape not in ((3, 3), (4, 4)):
        raise SlamError(f"{path} must hold a 3x3 or 4x4 matrix, got {K.shape}")
    for image_path in list(files.values())[:10]:
        try:
            height, width = read_image(image_path, cv2.IMREAD_UNCHANGED).shape[:2]
        except BadFrameError:
            continue
        fx, fy, cx, cy = (float(value) for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        return Camera(width, height, fx, fy, cx, cy)
    raise SlamError(f"none of the first images like {image_path} can be read")
