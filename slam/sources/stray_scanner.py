"""Stray Scanner, an app for phones with lidar: `depth/`, `confidence/`, and a larger `rgb.mp4`."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera
from slam.errors import SlamError
from slam.geometry import Transform, transform_from_quaternion
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.images import ColorImage, VideoFrame, image_size
from slam.sources.intrinsics import checked
from slam.sources.numbered import (
    Number,
    color_files_by_number,
    depth_files_by_number,
    require_frames,
)
from slam.sources.phone import LIDAR_NOISE, one_view
from slam.sources.poses import trajectory_from
from slam.sources.video import Video
from slam.text import numbered_rows
from slam.trajectory import Trajectory

DEPTH_SCALE = 1000.0
_COLUMNS = "timestamp frame x y z qx qy qz qw"


def list_stray_scanner(folder: Path) -> Listing:
    """List the frames of which `odometry.csv` has the time; its poses are of OpenCV's axes.

    `camera_matrix.csv` is colour's; colour and depth have one optical centre. Colour may also have
    been unpacked to `rgb/`.
    """
    depth_files = depth_files_by_number(folder / "depth")
    require_frames(depth_files, folder, "depth/*.png")
    rows = _read_odometry(folder / "odometry.csv")
    depth_files = {number: path for number, path in depth_files.items() if number[-1] in rows}
    require_frames(depth_files, folder, "a row of odometry.csv for depth/*.png")
    numbers = [number[-1] for number in depth_files]
    timestamps_s = np.array([rows[number][0] for number in numbers])
    color = _color(folder, depth_files)
    confidence = depth_files_by_number(folder / "confidence")
    color_camera = _color_camera(folder / "camera_matrix.csv", color)
    depth = list(depth_files.values())
    return Listing(
        name=folder.resolve().name,
        rig=one_view(depth, color_camera),
        storage=DepthStorage(DEPTH_SCALE, scale_origin="the default of Stray Scanner"),
        depth_noise=LIDAR_NOISE,
        timestamps_s=timestamps_s,
        depth=depth,
        color=color,
        confidence=[confidence.get(number) for number in depth_files],
        true_poses=partial(_poses, timestamps_s, [rows[number] for number in numbers]),
    )


def _read_odometry(path: Path) -> dict[int, Float64[np.ndarray, "9"]]:
    """Read the rows by the number of their frame."""
    rows = {}
    for number, text in numbered_rows(path):
        try:
            row = np.array([float(field) for field in text.split()[:9]])
        except ValueError:
            row = np.zeros(0)
        if row.size != 9 or not np.isfinite(row[:2]).all():
            raise SlamError(f"{path}:{number}: expected '{_COLUMNS}', got {text[:60]!r}")
        rows[int(row[1])] = row
    return rows


def _color(folder: Path, depth_files: dict[Number, Path]) -> list[ColorImage | None]:
    if (folder / "rgb.mp4").exists():
        video = Video(folder / "rgb.mp4")
        frames = [VideoFrame(video, number[-1]) for number in depth_files]
        return [frame if frame.number < video.num_frames else None for frame in frames]
    files = color_files_by_number(folder / "rgb")
    return [files.get(number) for number in depth_files]


def _color_camera(path: Path, color: list[ColorImage | None]) -> Camera:
    try:
        K = np.array([[float(x) for x in row.split()] for _, row in numbered_rows(path)])
    except ValueError:
        K = np.zeros(0)
    if K.shape != (3, 3):
        raise SlamError(f"{path} must hold a 3x3 matrix")
    first = next((image for image in color if image is not None), None)
    # without colour, its size is twice its principal point
    size = (round(2 * K[0, 2]), round(2 * K[1, 2])) if first is None else image_size(first)
    return checked(Camera(*size, *map(float, (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))), path)


def _poses(
    timestamps_s: Float64[np.ndarray, "n"], rows: list[Float64[np.ndarray, "9"]]
) -> Trajectory | None:
    return trajectory_from(timestamps_s, [_pose(row) for row in rows])


def _pose(row: Float64[np.ndarray, "9"]) -> Transform | None:
    if not np.isfinite(row).all() or not row[5:].any():
        return None
    return transform_from_quaternion(row[2:5], row[5:])
