"""7-Scenes as published: `frame-*.{color,depth,pose}.*`, with colour not registered to depth."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from slam.camera import Camera, DepthNoise
from slam.config import build
from slam.errors import SlamError
from slam.sources.camera_file import read_yaml_mapping
from slam.sources.image_sequence import Listing
from slam.sources.numbered import files_by_number, require_frames
from slam.sources.poses import read_poses
from slam.sources.registered import pixel_rays, require_same_size

_HOLE_CELL_PX = 8


@dataclass(frozen=True)
class KinectCalibration:
    """The depth camera, and the colour camera parallel to it: p_color = p_depth + (x, y, 0).

    The colour camera is not published; these values are fitted to the RedKitchen images.
    """

    width: int = 640
    height: int = 480
    fx: float = 585.0
    fy: float = 585.0
    cx: float = 320.0
    cy: float = 240.0
    color_fx: float = 525.94
    color_fy: float = 525.94
    color_cx: float = 323.19
    color_cy: float = 236.43
    color_x_m: float = -0.0339
    color_y_m: float = 0.0061
    depth_scale: float = 1000.0
    fps: float = 30.0


def list_seven_scenes(folder: Path) -> Listing:
    """List one sequence of 7-Scenes (Kinect v1); time stamps are nominal, frame number / 30 Hz.

    A `camera.yaml` in the folder overrides fields of `KinectCalibration`. The true poses are
    KinectFusion's, of the depth camera.
    """
    depth_files = files_by_number(folder, "frame-*.depth.png")
    sequences = sorted(path.name for path in folder.glob("seq-*") if path.is_dir())
    if not depth_files and sequences:
        raise SlamError(
            f"{folder} is a scene with several sequences, choose one: {', '.join(sequences)}"
        )
    require_frames(depth_files, folder, "frame-000000.depth.png and so on")
    color_files = files_by_number(folder, "frame-*.color.*")
    camera_path = folder / "camera.yaml"
    values = read_yaml_mapping(camera_path) if camera_path.exists() else {}
    c: KinectCalibration = build(KinectCalibration, values, where=f"{camera_path}: ")
    camera = Camera(c.width, c.height, c.fx, c.fy, c.cx, c.cy)
    timestamps_s = np.array([number[0] for number in depth_files], dtype=np.float64) / c.fps
    pose_files = [
        path.with_name(path.name.replace(".depth.png", ".pose.txt"))
        for path in depth_files.values()
    ]
    return Listing(
        name=folder.resolve().name,
        camera=camera,
        depth_scale=c.depth_scale,
        depth_noise=DepthNoise.kinect_v1(),
        timestamps_s=timestamps_s,
        depth=list(depth_files.values()),
        color=[color_files.get(number) for number in depth_files],
        true_poses=partial(read_poses, timestamps_s, pose_files),
        fit_color=partial(register_color, camera=camera, calibration=c),
    )


def register_color(
    color: UInt8[np.ndarray, "a b 3"],
    depth_m: Float32[np.ndarray, "h w"],
    camera: Camera,
    calibration: KinectCalibration,
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the colour at each depth pixel: the pixel's point is projected into the colour image.

    Pixels without depth take the inverse depth of their surroundings, so that the image has no
    black holes whose borders photometric tracking would take for edges. A surface that the colour
    camera does not see takes the colour of what hides it.
    """
    require_same_size(depth_m, color, "of the same frame")
    inverse_depth = fill_holes(depth_m)
    x, y = pixel_rays(camera)
    c = calibration
    # With p_color = z (x, y, 1) + t the projection is f (x + t_x / z) + c: linear in inverse depth.
    map_u = inverse_depth * np.float32(c.color_fx * c.color_x_m)
    map_u += x * np.float32(c.color_fx) + np.float32(c.color_cx)
    map_v = inverse_depth * np.float32(c.color_fy * c.color_y_m)
    map_v += (y * np.float32(c.color_fy) + np.float32(c.color_cy))[:, None]
    return cv2.remap(color, map_u, map_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def fill_holes(depth_m: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Return inverse depth (1/m) with holes filled by the mean of their surroundings."""
    mask = (depth_m > 0).astype(np.float32)
    inverse = mask / np.maximum(depth_m, np.float32(1e-3))
    height, width = depth_m.shape
    coarse_size = (-(-width // _HOLE_CELL_PX), -(-height // _HOLE_CELL_PX))
    total = cv2.resize(inverse, coarse_size, interpolation=cv2.INTER_AREA)
    count = cv2.resize(mask, coarse_size, interpolation=cv2.INTER_AREA)
    mean = np.float32(total.sum() / max(float(count.sum()), 1e-6))
    # A faint pull to the image's mean decides where no depth is near.
    total = cv2.boxFilter(total, -1, (9, 9)) + np.float32(1e-4) * mean
    count = cv2.boxFilter(count, -1, (9, 9)) + np.float32(1e-4)
    filled = cv2.resize(total / count, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(mask > 0, inverse, filled)
