"""Neural RGB-D's synthetic rooms, which Co-SLAM and others use: `poses.txt`, `focal.txt`."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera, DepthNoise
from slam.errors import SlamError
from slam.sources.depth_reader import DepthStorage, read_stored
from slam.sources.image_sequence import Listing
from slam.sources.lens import Lens
from slam.sources.numbered import (
    color_files_by_number,
    depth_files_by_number,
    require_frames,
)
from slam.sources.poses import OPENGL_AXES, parse_pose, trajectory_from
from slam.sources.rig import Rig
from slam.text import numbered_rows, read_text
from slam.trajectory import Trajectory

DEPTH_SCALE = 1000.0
FPS = 30.0
DEPTH_FOLDERS = ("depth_filtered", "depth_with_noise", "depth")


def list_neural_rgbd(folder: Path) -> Listing:
    """List frames by number, at nominal times; the principal point is the middle of the image.

    The poses are T_world_camera of OpenGL's axes, four rows a frame.
    """
    name = next((n for n in DEPTH_FOLDERS if depth_files_by_number(folder / n)), "depth")
    depth_files = depth_files_by_number(folder / name)
    require_frames(depth_files, folder, "depth_filtered/*.png")
    color_files = color_files_by_number(folder / "images")
    numbers = [number[0] for number in depth_files]
    timestamps_s = np.array(numbers, dtype=np.float64) / FPS
    depth = list(depth_files.values())
    return Listing(
        name=folder.resolve().name,
        rig=Rig(Lens(_camera(folder / "focal.txt", depth[0]))),
        storage=DepthStorage(DEPTH_SCALE, scale_origin="the default of Neural RGB-D"),
        depth_noise=DepthNoise.rendered(),
        timestamps_s=timestamps_s,
        depth=depth,
        color=[color_files.get(number) for number in depth_files],
        true_poses=partial(_read_poses, folder / "poses.txt", timestamps_s, numbers),
    )


def _camera(path: Path, image: Path) -> Camera:
    try:
        focal = float(read_text(path).split()[0])
    except (ValueError, IndexError) as error:
        raise SlamError(f"{path} must hold the focal length in pixels") from error
    height, width = read_stored(image).shape
    return Camera(width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))


def _read_poses(
    path: Path, timestamps_s: Float64[np.ndarray, "n"], numbers: list[int]
) -> Trajectory | None:
    rows = [text for _, text in numbered_rows(path)]
    poses = []
    for number in numbers:
        T = parse_pose(" ".join(rows[4 * number : 4 * number + 4]))
        poses.append(None if T is None else T @ OPENGL_AXES)
    return trajectory_from(timestamps_s, poses)
