"""TUM RGB-D: `rgb.txt` and `depth.txt`, or `associations.txt` in place of both; `groundtruth.txt`
and `camera.yaml` where there are any. Bonn's dynamic sequences and ICL-NUIM come in this layout.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.sources.camera_file import HINT, CameraFile, read_camera_file
from slam.sources.image_sequence import Listing
from slam.sources.numbered import files_like
from slam.sources.poses import tum_if_there
from slam.sources.time_stamps import SECONDS, TimeUnit, unit_of
from slam.text import numbered_rows
from slam.trajectory import Trajectory, associate

logger = logging.getLogger(__name__)

DEPTH_SCALE = 5000.0
ASSOCIATIONS = ("associations.txt", "association.txt", "associated.txt", "assoc.txt")
# By the folder's name, as the benchmarks publish them; freiburg3's images are undistorted already.
KNOWN_CAMERAS = {
    "freiburg1": CameraFile(
        640, 480, 517.3, 516.5, 318.6, 255.3, (0.262383, -0.953104, -0.005358, 0.002628, 1.163314),
        depth_scale=DEPTH_SCALE,
    ),
    "freiburg2": CameraFile(
        640, 480, 520.9, 521.0, 325.1, 249.7, (0.231222, -0.784899, -0.003257, -0.000105, 0.917205),
        depth_scale=DEPTH_SCALE,
    ),
    "freiburg3": CameraFile(640, 480, 535.4, 539.2, 320.1, 247.6, depth_scale=DEPTH_SCALE),
    "rgbd_bonn": CameraFile(
        640, 480, 542.822841, 542.576870, 315.593520, 237.756098,
        (0.039903, -0.099343, -0.000730, -0.000144, 0.0), depth_scale=DEPTH_SCALE,
    ),
}  # fmt: skip
# It states fy = -480 for axes that point up, see `_y_down`.
ICL_NUIM = CameraFile(640, 480, 481.2, 480.0, 319.5, 239.5, depth_scale=DEPTH_SCALE)


@dataclass(frozen=True)
class _Stamped:
    """Files and their times, in the file's order."""

    stamps_s: Float64[np.ndarray, "n"]
    paths: list[Path]
    unit: TimeUnit


def list_tum(folder: Path) -> Listing:
    """List one frame per depth image, at the depth image's time.

    Colour is paired with depth one to one, closest first, within 20 ms, or as `associations.txt`
    has it; a depth image without a partner is kept without colour. Lines stay in the file's order,
    so that playback sees stamps that run backwards.
    """
    poses_file = _icl_nuim_poses(folder)
    camera_file = _camera_of(folder, poses_file is not None)
    if (folder / "depth.txt").exists():
        depth = _read_list(folder, folder / "depth.txt")
        color = _paired(folder, depth)
    else:
        depth, color = _read_associations(folder)
    true_poses = tum_if_there(
        [poses_file or folder / "groundtruth.txt"], depth.stamps_s, depth.unit
    )
    return Listing(
        name=folder.resolve().name,
        rig=camera_file.rig,
        storage=camera_file.storage(DEPTH_SCALE, "TUM RGB-D"),
        depth_noise=camera_file.noise,
        timestamps_s=depth.stamps_s,
        depth=depth.paths,
        color=color,
        no_color="no colour image within 20 ms of it",
        true_poses=true_poses if poses_file is None else partial(_y_down, true_poses),
    )


def _camera_of(folder: Path, is_icl_nuim: bool) -> CameraFile:
    if (folder / "camera.yaml").exists():
        return read_camera_file(folder / "camera.yaml", needs_scale=False)
    name = folder.resolve().name
    if is_icl_nuim:
        is_noisy = re.search("noise|noisy", name) is not None
        return ICL_NUIM if is_noisy else replace(ICL_NUIM, depth_noise="rendered")
    known = next((key for key in KNOWN_CAMERAS if key in name), None)
    if known is None:
        raise SlamError(
            f"the camera of {folder} is unknown (no 'freiburg1', 2 or 3 in its name): add a {HINT}"
        )
    return KNOWN_CAMERAS[known]


def _icl_nuim_poses(folder: Path) -> Path | None:
    return next(iter(files_like(folder, "*.gt.freiburg")), None)


def _y_down(read: Callable[[], Trajectory | None]) -> Trajectory | None:
    """Return ICL-NUIM's poses in axes like ours. The renderer's y axes point up, of camera and
    world, while its images are stored from the top: both are mirrored, or the map would be.
    """
    poses = read()
    if poses is None:
        return None
    flip = np.diag([1.0, -1.0, 1.0, 1.0])
    return Trajectory(poses.timestamps_s, flip @ poses.Ts_world_camera @ flip)


def _paired(folder: Path, depth: _Stamped) -> list[Path | None]:
    partners: dict[int, Path] = {}
    if (folder / "rgb.txt").exists():
        color = _read_list(folder, folder / "rgb.txt")
        for i, j in zip(*associate(depth.stamps_s, color.stamps_s), strict=True):
            partners[int(i)] = color.paths[j]
    if not partners:
        logger.warning("%s: no colour image within 20 ms of a depth image", folder)
    return [partners.get(index) for index in range(len(depth.paths))]


def _read_list(folder: Path, path: Path) -> _Stamped:
    """Read `timestamp filename` lines."""
    stamps, paths = [], []
    for number, line in numbered_rows(path):
        fields = line.split(maxsplit=1)
        try:
            stamps.append(float(fields[0]))
            paths.append(_in_folder(folder, fields[1]))
        except (ValueError, IndexError) as error:
            raise SlamError(
                f"{path}:{number}: expected 'timestamp filename', got {line[:60]!r}"
            ) from error
    if not paths:
        raise SlamError(f"{path} lists no images")
    return _stamped(stamps, paths, path)


def _read_associations(folder: Path) -> tuple[_Stamped, list[Path | None]]:
    """Read `timestamp filename timestamp filename` lines, colour or depth first: which is which
    their names say, or their images.
    """
    path = next(folder / name for name in ASSOCIATIONS if (folder / name).exists())
    stamps, depth, color = [], [], []
    for number, line in numbered_rows(path):
        fields = line.split()
        try:
            pair = [(float(fields[k]), _in_folder(folder, fields[k + 1])) for k in (0, 2)]
        except (ValueError, IndexError) as error:
            raise SlamError(
                f"{path}:{number}: expected 'timestamp filename timestamp filename', "
                f"got {line[:60]!r}"
            ) from error
        if "depth" in fields[1].lower() and "depth" not in fields[3].lower():
            pair.reverse()
        color.append(pair[0][1])
        stamps.append(pair[1][0])
        depth.append(pair[1][1])
    if not depth:
        raise SlamError(f"{path} lists no images")
    return _stamped(stamps, depth, path), color


def _stamped(stamps: list[float], paths: list[Path], where: Path) -> _Stamped:
    table = np.array(stamps, dtype=np.float64)
    unit = unit_of(table, where)
    scaled_s = table if unit is SECONDS else table * unit.seconds
    return _Stamped(scaled_s, paths, unit)


def _in_folder(folder: Path, name: str) -> Path:
    """Return the file of a list, which may have been written on Windows."""
    path = folder / name.strip()
    return folder / name.strip().replace("\\", "/") if "\\" in name else path
