"""A folder that nerfstudio trains on: transforms.json, images, depth and a first point cloud.

Conventions as nerfstudio documents them (docs.nerf.studio, "Data conventions"):

- `transform_matrix` maps camera to world, with OpenGL's camera axes (x right, y up, z back).
- The world has z up. `applied_transform` leads there from the run's own world, so its inverse
  brings what was trained back to the run's mesh and trajectory. The point cloud is in the world of
  the matrices (early versions of nerfstudio applied `applied_transform` to it once more).
- The centre of the first pixel lies at (0.5, 0.5), so the principal point is ours plus a half.
- Depth is z-depth in millimetres in 16 bits, nerfstudio's default unit; 0 is missing.
- The sources deliver images without distortion, so all its coefficients are 0. Where a lens or a
  colour camera sees less than the image shows, a mask is 0: nothing is to be trained from it.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera
from slam.errors import SlamError
from slam.export.points import PointCloud, write_points
from slam.frame import Frame
from slam.geometry import Transform
from slam.imageio import FAST_PNG, depth_16_bit, write_image
from slam.meshio import replaced_file

MILLIMETRES = 1000.0
MAX_POINTS = 200_000  # each becomes a Gaussian that is split where more are needed
_IMAGE_NAME = re.compile(r"(?:images|depth|masks)/\d{6}\.png")
_OPENCV_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def write_nerfstudio(
    folder: Path,
    camera: Camera,
    frames: Iterable[tuple[Frame, Transform]],
    cloud: PointCloud,
    R_zup_world: Float64[np.ndarray, "3 3"],
) -> int:
    """Write frames with T_world_camera, less those without colour; return how many.

    transforms.json comes last, so a folder that has it is whole.
    """
    T_zup_world = np.eye(4)
    T_zup_world[:3, :3] = R_zup_world
    rows = []
    try:
        _remove_earlier(folder)
        for name in ("images", "depth", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for frame, T_world_camera in frames:
            if frame.color is not None:
                rows.append(_write_frame(folder, frame, T_zup_world @ T_world_camera))
        if not rows:
            raise SlamError("no frame has both a sure pose and a colour image")
        write_points(folder / "points.ply", cloud.thinned(MAX_POINTS).rotated(R_zup_world))
    except OSError as error:
        raise SlamError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    values = _camera(camera) | {
        "applied_transform": T_zup_world[:3].tolist(),
        "ply_file_path": "points.ply",
        "frames": rows,
    }
    with replaced_file(folder / "transforms.json") as file:
        file.write((json.dumps(values, indent=2) + "\n").encode("ascii"))
    return len(rows)


def _remove_earlier(folder: Path) -> None:
    """Remove the list of an earlier export, and the images that it names."""
    index = folder / "transforms.json"
    if not index.is_file():
        return
    names = _IMAGE_NAME.findall(index.read_text(encoding="utf-8", errors="replace"))
    index.unlink()
    for name in set(names):
        (folder / name).unlink(missing_ok=True)


def _write_frame(folder: Path, frame: Frame, T_zup_camera: Transform) -> dict[str, Any]:
    assert frame.color is not None
    image, depth = f"images/{frame.index:06d}.png", f"depth/{frame.index:06d}.png"
    write_image(folder / image, frame.color[:, :, ::-1], FAST_PNG)
    write_image(folder / depth, depth_16_bit(frame.depth_m, MILLIMETRES), FAST_PNG)
    matrix = T_zup_camera @ _OPENCV_OPENGL
    row = {"file_path": image, "depth_file_path": depth, "transform_matrix": matrix.tolist()}
    if frame.color_mask is not None:
        row["mask_path"] = f"masks/{frame.index:06d}.png"
        write_image(folder / row["mask_path"], 255 * frame.color_mask.astype(np.uint8), FAST_PNG)
    return row


def _camera(camera: Camera) -> dict[str, Any]:
    return {
        "camera_model": "OPENCV",
        "w": camera.width,
        "h": camera.height,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx + 0.5,
        "cy": camera.cy + 0.5,
        "k1": 0.0,
        "k2": 0.0,
        "p1": 0.0,
        "p2": 0.0,
    }
