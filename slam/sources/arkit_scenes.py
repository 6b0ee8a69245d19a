"""ARKitScenes: `lowres_depth/`, `confidence/`, and colour with intrinsics a frame."""

import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64

from slam.camera import Camera
from slam.errors import SlamError
from slam.geometry import Transform, inverse
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.intrinsics import checked
from slam.sources.numbered import COLOR_SUFFIXES, DEPTH_SUFFIXES, files_like
from slam.sources.phone import LIDAR_NOISE, one_view
from slam.sources.time_stamps import unit_of
from slam.text import numbered_rows, read_text
from slam.trajectory import Trajectory, associate

DEPTH_SCALE = 1000.0
COLOR_FOLDERS = ("lowres_wide", "vga_wide", "wide")


def list_arkit_scenes(folder: Path) -> Listing:
    """List one frame per depth image, at the time in its name; colour within 20 ms of it.

    Colour's focal length breathes by some tenths of a percent; that of the middle frame is taken.
    The poses of `lowres_wide.traj` are T_camera_world.
    """
    depth = _stamped(folder / "lowres_depth", DEPTH_SUFFIXES)
    if not depth:
        raise SlamError(f"no depth images in {folder}: expected lowres_depth/ID_TIME.png")
    stamps = np.array(list(depth))
    timestamps_s = stamps * unit_of(stamps, folder / "lowres_depth").seconds
    name = next((n for n in COLOR_FOLDERS if _stamped(folder / n, COLOR_SUFFIXES)), "lowres_wide")
    color_camera = _middle_camera(folder / f"{name}_intrinsics")
    paths = list(depth.values())
    return Listing(
        name=folder.resolve().name,
        rig=one_view(paths, color_camera),
        storage=DepthStorage(DEPTH_SCALE, scale_origin="the default of ARKitScenes"),
        depth_noise=LIDAR_NOISE,
        timestamps_s=timestamps_s,
        depth=paths,
        color=_partners(timestamps_s, _stamped(folder / name, COLOR_SUFFIXES)),
        no_color="no colour image within 20 ms of it",
        confidence=_partners(timestamps_s, _stamped(folder / "confidence", DEPTH_SUFFIXES)),
        true_poses=partial(_read_poses, folder / "lowres_wide.traj"),
    )


def _stamped(folder: Path, suffixes: tuple[str, ...]) -> dict[float, Path]:
    """Return images by the time that ends their names (`41069021_1234.567.png`), in its order."""
    files = {}
    for path in files_like(folder, "*"):
        match = re.search(r"(\d+(\.\d+)?)$", path.stem)
        if match and path.suffix.lower() in suffixes:
            files[float(match.group(1))] = path
    return dict(sorted(files.items()))


def _partners(
    timestamps_s: Float64[np.ndarray, "n"], files: dict[float, Path]
) -> list[Path | None]:
    paths, partners = list(files.values()), {}
    pairs = associate(timestamps_s, np.array(list(files), dtype=np.float64))
    for i, j in zip(*pairs, strict=True):
        partners[int(i)] = paths[j]
    return [partners.get(index) for index in range(len(timestamps_s))]


def _middle_camera(folder: Path) -> Camera:
    files = files_like(folder, "*.pincam")
    if not files:
        raise SlamError(f"no intrinsics in {folder}: expected ID_TIME.pincam")
    path = files[len(files) // 2]
    try:
        width, height, fx, fy, cx, cy = map(float, read_text(path).split()[:6])
    except ValueError as error:
        raise SlamError(f"{path} must hold width height fx fy cx cy") from error
    return checked(Camera(int(width), int(height), fx, fy, cx, cy), path)


def _read_poses(path: Path) -> Trajectory | None:
    """Read rows of time, rotation vector and translation of T_camera_world."""
    if not path.exists():
        return None
    stamps_s, Ts_world_camera = [], []
    for number, text in numbered_rows(path):
        try:
            time_s, *pose = map(float, text.split())
            Ts_world_camera.append(inverse(_transform(np.array(pose))))
            stamps_s.append(time_s)
        except ValueError as error:
            raise SlamError(
                f"{path}:{number}: expected 'timestamp rx ry rz tx ty tz', got {text[:60]!r}"
            ) from error
    return Trajectory(np.array(stamps_s), np.array(Ts_world_camera)) if stamps_s else None


def _transform(pose: Float64[np.ndarray, "6"]) -> Transform:
    if pose.size != 6:
        raise ValueError(f"6 numbers expected, got {pose.size}")
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = cv2.Rodrigues(pose[:3])[0], pose[3:]
    return T
