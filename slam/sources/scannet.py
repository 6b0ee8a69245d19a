"""ScanNet as SensReader exports it: `color/`, `depth/`, `pose/`, `intrinsic/`."""

import logging
from pathlib import Path

import numpy as np

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError, SlamError
from slam.sources.depth_reader import DepthStorage
from slam.sources.image_sequence import Listing
from slam.sources.images import image_size
from slam.sources.intrinsics import checked, of_other_size
from slam.sources.lens import Lens
from slam.sources.numbered import (
    Number,
    color_files_by_number,
    depth_files_by_number,
    files_like,
    require_frames,
)
from slam.sources.poses import matrix_files
from slam.sources.rig import Rig

logger = logging.getLogger(__name__)
DEPTH_SCALE = 1000.0
FPS = 30.0


def list_scannet(folder: Path) -> Listing:
    """List what a Structure sensor (a Kinect v1 in kind) took; time stamps are nominal, frame
    number / 30 Hz.

    Colour (1296x968) has its own intrinsics but, as exported, depth's optical centre: it is
    resampled for depth's pixels. Frames that ScanNet itself lost have no true pose.
    """
    depth_files = depth_files_by_number(folder / "depth")
    require_frames(depth_files, folder, "depth/*.png")
    color_files = color_files_by_number(folder / "color")
    path = folder / "intrinsic" / "intrinsic_depth.txt"
    camera, color_lens = checked(_read_camera(path, depth_files), path), None
    if color_files:
        color_path = folder / "intrinsic" / "intrinsic_color.txt"
        color_lens = Lens(_color_camera(color_path, color_files))
    timestamps_s = np.array([number[0] for number in depth_files], dtype=np.float64) / FPS
    return Listing(
        name=folder.resolve().name,
        rig=Rig(Lens(camera), color_lens),
        storage=DepthStorage(DEPTH_SCALE, scale_origin="the default of ScanNet"),
        depth_noise=DepthNoise.kinect_v1(),
        timestamps_s=timestamps_s,
        depth=list(depth_files.values()),
        color=[color_files.get(number) for number in depth_files],
        true_poses=matrix_files(timestamps_s, _pose_files(folder, depth_files)),
    )


def _pose_files(folder: Path, depth_files: dict[Number, Path]) -> list[Path]:
    """Return the pose file of each depth image: the same number, padded like it or not."""
    names = {
        int(path.stem): path for path in files_like(folder, "pose/*.txt") if path.stem.isdigit()
    }
    return [names.get(number[0], folder / "pose" / f"{number[0]}.txt") for number in depth_files]


def _color_camera(path: Path, color_files: dict[Number, Path]) -> Camera:
    """Read colour's camera. Of images that were made smaller without their matrix, the matrix is
    made smaller, too.
    """
    camera = _read_camera(path, color_files)
    fitting = of_other_size(camera)
    if fitting is None:
        return checked(camera, path)
    logger.warning(
        "%s belongs to larger or smaller images than %dx%d: its values are scaled to them",
        path, camera.width, camera.height,
    )  # fmt: skip
    return fitting


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
            width, height = image_size(image_path)
        except BadFrameError:
            continue
        fx, fy, cx, cy = (float(value) for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        return Camera(width, height, fx, fy, cx, cy)
    raise SlamError(f"none of the first images like {image_path} can be read")
