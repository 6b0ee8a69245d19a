"""A plain folder: `depth/`, colour, and a camera. So do Open3D's recorders and Redwood store it.

Colour lies in `color/`, `rgb/` or `image/`; the camera in `camera.yaml` or Open3D's
`intrinsic.json`; times in `timestamps.txt`; poses in `groundtruth.txt` or `trajectory.txt`, or in
Open3D's `*.log`; what the camera felt in `accelerations.txt`.
"""

import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.sources.camera_file import HINT, CameraFile, read_camera_file
from slam.sources.camera_json import read_open3d_camera
from slam.sources.folder_writer import ACCELERATIONS_NAME, STAMPS_NAME
from slam.sources.image_sequence import Listing
from slam.sources.numbered import (
    COLOR_SUFFIXES,
    Number,
    color_files_by_number,
    depth_files_by_number,
    files_like,
    require_frames,
)
from slam.sources.poses import is_pose_log, read_log, tum_if_there
from slam.sources.time_stamps import SECONDS, TimeUnit, unit_of
from slam.text import read_text
from slam.trajectory import Trajectory, associate

OPEN3D_DEPTH_SCALE = 1000.0  # of its recorders, which do not store it
PRIMESENSE = CameraFile(640, 480, 525.0, 525.0, 319.5, 239.5, depth_scale=OPEN3D_DEPTH_SCALE)
COLOR_FOLDERS = ("color", "rgb", "image", "images", "colour")
CAMERA_JSON = ("intrinsic.json", "camera_intrinsic.json", "intrinsics.json")
logger = logging.getLogger(__name__)
_STAMP = re.compile(r"\d{9,}(\.\d+)?|\d+\.\d{3,}")  # a name that is a time
_REDWOOD = re.compile(r"\d+-(\d{12})")  # number and microseconds


def list_folder(folder: Path) -> Listing:
    """List frames in the order of the numbers in their names, by which depth and colour are paired.

    Where the names are times, frames have these, and colour is paired with depth within 20 ms.
    Otherwise stamps are those of `timestamps.txt`, and frames that it lacks are left out: their
    recording was cut off. Without that file they are nominal: the position in that order / `fps`.
    """
    camera_file = _read_camera(folder)
    depth_files = depth_files_by_number(folder / "depth")
    require_frames(depth_files, folder, "depth/*.png")
    given = _read_columns(folder / STAMPS_NAME, "timestamp")
    if given is not None:
        depth_files = {k: path for k, path in depth_files.items() if k in given}
        require_frames(depth_files, folder, f"a time in {STAMPS_NAME} for depth/*.png")
    color_files = _color_files(folder)
    depth, unit = list(depth_files.values()), SECONDS
    named = _stamps_of_names(depth)
    if given is not None:
        stamps = np.array([given[number][0] for number in depth_files])
        unit = unit_of(stamps, folder / STAMPS_NAME)
        timestamps_s = stamps * unit.seconds
    elif named is not None:
        unit = _unit_of_names(named, folder / "depth", depth)
        timestamps_s = named * unit.seconds
    else:
        timestamps_s = np.arange(len(depth)) / camera_file.fps
    felt = _read_columns(folder / ACCELERATIONS_NAME, "x", "y", "z") or {}
    return Listing(
        name=folder.resolve().name,
        rig=camera_file.rig,
        storage=camera_file.storage(OPEN3D_DEPTH_SCALE, "Open3D"),
        depth_noise=camera_file.noise,
        timestamps_s=timestamps_s,
        depth=depth,
        color=_paired(folder, depth_files, color_files, named),
        no_color=_no_color(folder, color_files, named is None),
        true_poses=_true_poses(folder, timestamps_s, unit),
        accelerations=[felt.get(number) for number in depth_files],
    )


def _read_camera(folder: Path) -> CameraFile:
    if (folder / "camera.yaml").exists():
        return read_camera_file(folder / "camera.yaml")
    for name in CAMERA_JSON:
        if (folder / name).exists():
            return read_open3d_camera(folder / name)
    if _logs(folder):
        logger.warning("%s: no camera file; PrimeSense's is taken, Open3D's default", folder)
        return PRIMESENSE
    raise SlamError(f"the camera of {folder} is unknown: add a {HINT}")


def _logs(folder: Path) -> list[Path]:
    files = files_like(folder, "*.log") + files_like(folder, "scene/*.log")
    return [path for path in files if is_pose_log(path)]


def _color_files(folder: Path) -> dict[Number, Path]:
    for name in COLOR_FOLDERS:
        files = color_files_by_number(folder / name)
        if files:
            return files
    return {}


def _no_color(folder: Path, color_files: dict[Number, Path], is_by_number: bool) -> str:
    """Return why a depth image has no colour."""
    if color_files:
        return "no colour image has its number" if is_by_number else "none within 20 ms"
    for name in COLOR_FOLDERS:
        suffixes = sorted({path.suffix.lower() for path in files_like(folder, f"{name}/*")} - {""})
        if suffixes:
            known = ", ".join(COLOR_SUFFIXES)
            return f"{name}/ holds {', '.join(suffixes)}, of which none is read: {known} are"
    return f"there is no folder {', '.join(COLOR_FOLDERS)}"


def _paired(
    folder: Path,
    depth_files: dict[Number, Path],
    color_files: dict[Number, Path],
    depth_stamps: Float64[np.ndarray, "n"] | None,
) -> list[Path | None]:
    """Return the colour image of each depth image."""
    color = list(color_files.values())
    color_stamps = _stamps_of_names(color)
    if color and depth_stamps is not None and color_stamps is not None:
        unit = _unit_of_names(depth_stamps, folder / "depth", list(depth_files.values()))
        pairs = associate(depth_stamps * unit.seconds, color_stamps * unit.seconds)
        partners = {int(i): color[j] for i, j in zip(*pairs, strict=True)}
        found = [partners.get(index) for index in range(len(depth_files))]
    else:
        found = [color_files.get(number) for number in depth_files]
    if color and not any(found):
        raise SlamError(
            f"{folder}: no colour image belongs to a depth image: their names have no number or "
            f"time in common ({color[0].name}, {next(iter(depth_files.values())).name})"
        )
    return found


def _stamps_of_names(paths: list[Path]) -> Float64[np.ndarray, "n"] | None:
    """Return the times that files are named by, in the unit of their names; None where they are
    not.
    """
    redwood = [_REDWOOD.fullmatch(path.stem) for path in paths]
    if all(redwood):
        return np.array([float(match.group(1)) for match in redwood if match])
    if all(_STAMP.fullmatch(path.stem) for path in paths):
        return np.array([float(path.stem) for path in paths])
    return None


def _unit_of_names(stamps: np.ndarray, where: Path, paths: list[Path]) -> TimeUnit:
    if _REDWOOD.fullmatch(paths[0].stem):
        return TimeUnit("microseconds", 1e-6)
    return unit_of(stamps, f"the names in {where}")


def _true_poses(
    folder: Path, timestamps_s: Float64[np.ndarray, "n"], unit: TimeUnit
) -> Callable[[], Trajectory | None]:
    tables = [folder / "groundtruth.txt", folder / "trajectory.txt"]
    logs = _logs(folder)
    if logs and not any(path.exists() for path in tables):
        return partial(read_log, logs[0], timestamps_s)
    return tum_if_there(tables, timestamps_s, unit)


def _read_columns(path: Path, *names: str) -> dict[Number, Float64[np.ndarray, "n"]] | None:
    """Read lines of a frame's number and the named values; None where there is no such file.

    A last line without an end was cut off.
    """
    if not path.exists():
        return None
    values = {}
    for line_number, line in enumerate(read_text(path).splitlines(keepends=True), start=1):
        if line.startswith("#") or not line.endswith(("\n", "\r")):
            continue
        number, *columns = line.split() or [""]
        try:
            key = (int(number),)
            values[key] = np.array([float(c) for _, c in zip(names, columns, strict=True)])
        except ValueError as error:
            expected = " ".join(("number", *names))
            raise SlamError(
                f"{path}:{line_number}: expected '{expected}', got {line.strip()[:60]!r}"
            ) from error
    return values
