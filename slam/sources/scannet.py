"""ScanNet as SensReader exports it: `color/`, `depth/`, `pose/`, `intrinsic/`."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError, SlamError
from slam.sources.image_sequence import Listing
from slam.sources.images import read_image
from slam.sources.lens import Lens
from slam.sources.numbered import Number, files_by_number, require_frames
from slam.sources.poses import read_poses
from slam.sources.rig import Rig

DEPTH_SCALE = 1000.0
FPS = 30.0


def list_scannet(folder: Path) -> Listing:
    """List what a Structure sensor (a Kinect v1 in kind) took; time stamps are nominal, frame
    number / 30 Hz.

    Colour (1296x968) has its own intrinsics but, as exported, depth's optical centre: it is
    resampled for depth's pixels. Frames that ScanNet itself lost have no true pose.
    """
    depth_files = files_by_number(folder / "depth", "*.png")
    require_frames(depth_files, folder, "depth/0.png and so on")
    color_files = files_by_number(folder / "color", "*.*")
    camera = _read_camera(folder / "intrinsic" / "intrinsic_depth.txt", depth_files)
    color_lens = None
    if color_files:
        color_lens = Lens(_read_camera(folder / "intrinsic" / "intrinsic_color.txt", color_files))
    timestamps_s = np.array([number[0] for number in depth_files], dtype=np.float64) / FPS
    return Listing(
        name=folder.resolve().name,
        rig=Rig(Lens(camera), color_lens),
        depth_scale=DEPTH_SCALE,
        depth_noise=DepthNoise.kinect_v1(),
        timestamps_s=timestamps_s,
        depth=list(depth_files.values()),
        color=[color_files.get(number) for number in depth_files],
        true_poses=partial(
            read_poses,
            timestamps_s,
            [folder / "pose" / f"{number[0]}.txt" for number in depth_files],
        ),
    )


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
