"""TUM RGB-D: `rgb.txt`, `depth.txt`, optional `groundtruth.txt` and `camera.yaml`."""

import logging
import re
from functools import partial
from pathlib import Path

import numpy as np

from slam.errors import SlamError
from slam.sources.camera_file import HINT, CameraFile, read_camera_file
from slam.sources.image_sequence import Listing
from slam.sources.poses import read_tum_if_there
from slam.trajectory import associate

logger = logging.getLogger(__name__)

DEPTH_SCALE = 5000.0
# as the benchmark publishes them; freiburg3's images are undistorted already
FREIBURG = {
    "freiburg1": CameraFile(
        640, 480, 517.3, 516.5, 318.6, 255.3, (0.262383, -0.953104, -0.005358, 0.002628, 1.163314),
        depth_scale=DEPTH_SCALE,
    ),
    "freiburg2": CameraFile(
        640, 480, 520.9, 521.0, 325.1, 249.7, (0.231222, -0.784899, -0.003257, -0.000105, 0.917205),
        depth_scale=DEPTH_SCALE,
    ),
    "freiburg3": CameraFile(640, 480, 535.4, 539.2, 320.1, 247.6, depth_scale=DEPTH_SCALE),
}  # fmt: skip


def list_tum(folder: Path) -> Listing:
    """List one frame per depth image, at the depth image's time.

    Colour is paired with depth one to one, closest first, within 20 ms; a depth image without a
    partner is kept without colour. Lines stay in the file's order, so that playback sees stamps
    that run backwards.
    """
    camera_file = _camera_of(folder)
    timestamps_s, depth_names = _read_list(folder / "depth.txt")
    if not depth_names:
        raise SlamError(f"{folder / 'depth.txt'} lists no images")
    color_of: dict[int, Path] = {}
    if (folder / "rgb.txt").exists():
        color_stamps_s, color_names = _read_list(folder / "rgb.txt")
        for i, j in zip(*associate(timestamps_s, color_stamps_s), strict=True):
            color_of[int(i)] = folder / color_names[j]
    if not color_of:
        logger.warning("%s: no colour image within 20 ms of a depth image", folder)
    return Listing(
        name=folder.resolve().name,
        rig=camera_file.rig,
        depth_scale=camera_file.depth_scale,
        depth_noise=camera_file.noise,
        timestamps_s=timestamps_s,
        depth=[folder / name for name in depth_names],
        color=[color_of.get(index) for index in range(len(depth_names))],
        true_poses=partial(read_tum_if_there, [folder / "groundtruth.txt"]),
    )


def _camera_of(folder: Path) -> CameraFile:
    if (folder / "camera.yaml").exists():
        return read_camera_file(folder / "camera.yaml", DEPTH_SCALE)
    match = re.search(r"freiburg[123]", folder.resolve().name)
    if match is None:
        raise SlamError(
            f"the camera of {folder} is unknown (no 'freiburg1', 2 or 3 in its name): add a {HINT}"
        )
    return FREIBURG[match.group()]


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
