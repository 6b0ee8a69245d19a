"""TUM RGB-D: `rgb.txt`, `depth.txt`, optional `groundtruth.txt` and `camera.yaml`."""

import logging
import re
from pathlib import Path

import numpy as np

from slam.camera import Camera
from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.camera_file import HINT, CameraFile, read_camera_file
from slam.sources.depth_reader import DepthReader
from slam.sources.images import read_color_or_none
from slam.sources.registered import require_same_size
from slam.trajectory import Trajectory, associate, read_tum

logger = logging.getLogger(__name__)

DEPTH_SCALE = 5000.0
FREIBURG_CAMERAS = {
    "freiburg1": Camera(640, 480, 517.3, 516.5, 318.6, 255.3),
    "freiburg2": Camera(640, 480, 520.9, 521.0, 325.1, 249.7),
    "freiburg3": Camera(640, 480, 535.4, 539.2, 320.1, 247.6),
}


class TumSource:
    """One frame per depth image, at the depth image's time.

    Colour is paired with depth one to one, closest first, within 20 ms; a depth image without a
    partner is kept with `color=None`. Lines stay in the file's order, so that playback sees stamps
    that run backwards.
    """

    def __init__(self, folder: Path) -> None:
        camera_file = _camera_of(folder)
        self.name = folder.resolve().name
        self.camera = camera_file.camera
        self.depth_noise = camera_file.noise
        self._depth_reader = DepthReader(self.camera, camera_file.depth_scale)
        self._folder = folder
        self.timestamps_s, self._depth_names = _read_list(folder / "depth.txt")
        if not self._depth_names:
            raise SlamError(f"{folder / 'depth.txt'} lists no images")
        self._color_names: dict[int, str] = {}
        if (folder / "rgb.txt").exists():
            color_stamps_s, color_names = _read_list(folder / "rgb.txt")
            depth_indices, color_indices = associate(self.timestamps_s, color_stamps_s)
            for i, j in zip(depth_indices, color_indices, strict=True):
                self._color_names[int(i)] = color_names[j]
        if not self._color_names:
            logger.warning("%s: no colour image within 20 ms of a depth image", folder)

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        depth_m = self._depth_reader.read(self._folder / self._depth_names[index])
        color_name = self._color_names.get(index)
        color = read_color_or_none(None if color_name is None else self._folder / color_name)
        require_same_size(depth_m, color, self._depth_names[index])
        return Frame(
            index, float(self.timestamps_s[index]), self.camera, depth_m, color, self.depth_noise
        )

    def ground_truth(self) -> Trajectory | None:
        """Return the poses of `groundtruth.txt`, at their own time stamps."""
        path = self._folder / "groundtruth.txt"
        return read_tum(path) if path.exists() else None


def _camera_of(folder: Path) -> CameraFile:
    if (folder / "camera.yaml").exists():
        return read_camera_file(folder / "camera.yaml", DEPTH_SCALE)
    match = re.search(r"freiburg[123]", folder.resolve().name)
    if match is None:
        raise SlamError(
            f"the camera of {folder} is unknown (no 'freiburg1', 2 or 3 in its name): add a {HINT}"
        )
    camera = FREIBURG_CAMERAS[match.group()]
    return CameraFile(
        camera.width,
        camera.height,
        camera.fx,
        camera.fy,
        camera.cx,
        camera.cy,
        depth_scale=DEPTH_SCALE,
    )


def _read_list(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read `timestamp filename` lines."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SlamError(f"cannot read {path}: {error}") from error
    stamps_s, names = [], []
    for number, line in enumerate(lines, start=1):
        fields = line.split(maxsplit=1)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            stamp_s, name = float(fields[0]), fields[1].strip()
        except (ValueError, IndexError) as error:
            raise SlamError(
                f"{path}:{number}: expected 'timestamp filename', got {line[:60]!r}"
            ) from error
        stamps_s.append(stamp_s)
        names.append(name)
    return np.array(stamps_s, dtype=np.float64), names
