"""7-Scenes as published: `frame-*.{color,depth,pose}.*`, with colour not registered to depth."""

import dataclasses
from pathlib import Path

import numpy as np

from slam.errors import SlamError
from slam.sources.camera_file import CameraFile, LensFile, read_camera_file
from slam.sources.image_sequence import Listing
from slam.sources.numbered import (
    color_files_by_number,
    depth_files_by_number,
    files_like,
    require_frames,
)
from slam.sources.poses import matrix_files

DEPTH_SCALE = 1000.0

# The depth camera, and the colour camera parallel to it, which is not published: its values are
# fitted to the RedKitchen images.
KINECT = CameraFile(
    640, 480, 585.0, 585.0, 320.0, 240.0, depth_scale=DEPTH_SCALE,
    color_camera=LensFile(640, 480, 525.94, 525.94, 323.19, 236.43),
    T_color_depth=(1.0, 0.0, 0.0, -0.0339, 0.0, 1.0, 0.0, 0.0061, 0.0, 0.0, 1.0, 0.0),
)  # fmt: skip


def list_seven_scenes(folder: Path) -> Listing:
    """List one sequence of 7-Scenes (Kinect v1); time stamps are nominal, frame number / 30 Hz.

    A `camera.yaml` in the folder overrides what is in `KINECT`, key by key; `color_camera: null`
    says that colour has been registered. The true poses are KinectFusion's, of the depth camera.
    """
    depth_files = depth_files_by_number(folder, "frame-*.depth.*")
    sequences = [path.name for path in files_like(folder, "seq-*") if path.is_dir()]
    if not depth_files and sequences:
        raise SlamError(
            f"{folder} is a scene with several sequences, choose one: {', '.join(sequences)}"
        )
    require_frames(depth_files, folder, "frame-*.depth.png")
    color_files = color_files_by_number(folder, "frame-*.color.*")
    camera_file = KINECT
    if (folder / "camera.yaml").exists():
        camera_file = read_camera_file(folder / "camera.yaml", **dataclasses.asdict(KINECT))
    numbers = [number[0] for number in depth_files]
    timestamps_s = np.array(numbers, dtype=np.float64) / camera_file.fps
    pose_files = [
        path.with_name(path.name.replace(f".depth{path.suffix}", ".pose.txt"))
        for path in depth_files.values()
    ]
    return Listing(
        name=folder.resolve().name,
        rig=camera_file.rig,
        storage=camera_file.storage(DEPTH_SCALE, "7-Scenes"),
        depth_noise=camera_file.noise,
        timestamps_s=timestamps_s,
        depth=list(depth_files.values()),
        color=[color_files.get(number) for number in depth_files],
        true_poses=matrix_files(timestamps_s, pose_files),
    )
