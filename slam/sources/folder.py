"""A plain folder: `color/`, `depth/`, `camera.yaml`; `timestamps.txt`, `accelerations.txt`, and
`groundtruth.txt` or `trajectory.txt`, where there are any.
"""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.sources.camera_file import HINT, read_camera_file
from slam.sources.folder_writer import ACCELERATIONS_NAME, STAMPS_NAME
from slam.sources.image_sequence import Listing
from slam.sources.numbered import Number, files_by_number, require_frames
from slam.sources.poses import read_tum_if_there


def list_folder(folder: Path) -> Listing:
    """List frames in the order of the numbers in their names, by which depth and colour are paired.

    Stamps are those of `timestamps.txt`, and frames that it lacks are left out: their recording was
    cut off. Without that file they are nominal: the position in that order over `fps`.
    """
    if not (folder / "camera.yaml").exists():
        raise SlamError(f"the camera of {folder} is unknown: add a {HINT}")
    camera_file = read_camera_file(folder / "camera.yaml")
    depth_files = files_by_number(folder / "depth", "*.png")
    require_frames(depth_files, folder, "depth/*.png")
    stamps_s = _read_columns(folder / STAMPS_NAME, "timestamp")
    if stamps_s is not None:
        depth_files = {k: path for k, path in depth_files.items() if k in stamps_s}
        require_frames(depth_files, folder, f"a time in {STAMPS_NAME} for depth/*.png")
    color_files = files_by_number(folder / "color", "*.*")
    timestamps_s = np.arange(len(depth_files)) / camera_file.fps
    if stamps_s is not None:
        timestamps_s = np.array([stamps_s[number][0] for number in depth_files])
    felt = _read_columns(folder / ACCELERATIONS_NAME, "x", "y", "z") or {}
    pose_files = [folder / "groundtruth.txt", folder / "trajectory.txt"]
    return Listing(
        name=folder.resolve().name,
        rig=camera_file.rig,
        depth_scale=camera_file.depth_scale,
        depth_noise=camera_file.noise,
        timestamps_s=timestamps_s,
        depth=list(depth_files.values()),
        color=[color_files.get(number) for number in depth_files],
        true_poses=partial(read_tum_if_there, pose_files),
        accelerations=[felt.get(number) for number in depth_files],
    )


def _read_columns(path: Path, *names: str) -> dict[Number, Float64[np.ndarray, "n"]] | None:
    """Read lines of a frame's number and the named values; None where there is no such file.

    A last line without an end was cut off.
    """
    if not path.exists():
        return None
    values = {}
    for line_number, line in enumerate(path.read_text().splitlines(keepends=True), start=1):
        if line.startswith("#") or not line.endswith("\n"):
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
