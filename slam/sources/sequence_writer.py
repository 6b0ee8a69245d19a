"""Write a source to disk in the layout of a public dataset."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.errors import SlamError
from slam.frame import Frame
from slam.imageio import FAST_PNG, depth_16_bit, write_image
from slam.maps.base import Mesh
from slam.sources.base import Source
from slam.sources.folder_writer import require_empty
from slam.trajectory import Trajectory, tum_text

TUM_DEPTH_SCALE = 5000.0
REPLICA_DEPTH_SCALE = 6553.5
JPEG_QUALITY = 95


class _Surface(Protocol):
    def mesh(self) -> Mesh: ...


def write_sequence(
    source: Source,
    directory: Path,
    format: Literal["tum", "replica"],
    num_frames: int | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> None:
    """Write the first frames of a source (all by default) with its poses and its camera; call
    `on_frame` after each.

    The true mesh goes with them where there is one. Depth beyond what 16 bits hold becomes missing.
    The folder has to be new or empty.
    """
    trajectory = source.ground_truth()
    if trajectory is None:
        raise SlamError(f"{source.name} has no true poses to write")
    count = len(source.timestamps_s) if num_frames is None else num_frames
    if not 1 <= count <= len(source.timestamps_s):
        raise SlamError(f"{source.name} has {len(source.timestamps_s)} frames, asked for {count}")
    trajectory = Trajectory(trajectory.timestamps_s[:count], trajectory.Ts_world_camera[:count])
    write_frame, write_index = {
        "tum": (_write_tum_frame, _write_tum_index),
        "replica": (_write_replica_frame, _write_replica_index),
    }[format]
    try:
        require_empty(directory)
        for folder in ("rgb", "depth") if format == "tum" else ("results",):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            write_frame(directory, source.read(index))
            on_frame()
        write_index(directory, source, trajectory)
        surface: _Surface | None = getattr(source, "scene", None)
        if surface is not None:
            from slam.meshio import write_ply

            write_ply(directory / "mesh.ply", surface.mesh())
    except OSError as error:
        raise SlamError(f"cannot write the sequence to {directory}: {error.strerror}") from error


def _write_tum_frame(directory: Path, frame: Frame) -> None:
    name = f"{frame.timestamp_s:.6f}.png"
    write_image(directory / "rgb" / name, _bgr(frame), FAST_PNG)
    depth = depth_16_bit(frame.depth_m, TUM_DEPTH_SCALE)
    write_image(directory / "depth" / name, depth, FAST_PNG)


def _write_tum_index(directory: Path, source: Source, trajectory: Trajectory) -> None:
    for folder in ("rgb", "depth"):
        lines = [f"{t:.6f} {folder}/{t:.6f}.png\n" for t in trajectory.timestamps_s]
        (directory / f"{folder}.txt").write_text("# timestamp filename\n" + "".join(lines))
    (directory / "groundtruth.txt").write_text(tum_text(trajectory))
    c = source.camera
    values = {"width": c.width, "height": c.height, "fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy}
    values["depth_scale"] = TUM_DEPTH_SCALE
    text = "".join(f"{key}: {value}\n" for key, value in values.items())
    noise = "".join(f"  {key}: {value:.9g}\n" for key, value in vars(source.depth_noise).items())
    (directory / "camera.yaml").write_text(f"{text}depth_sigma:\n{noise}")


def _write_replica_frame(directory: Path, frame: Frame) -> None:
    results = directory / "results"
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    write_image(results / f"frame{frame.index:06d}.jpg", _bgr(frame), quality)
    depth = depth_16_bit(frame.depth_m, REPLICA_DEPTH_SCALE)
    write_image(results / f"depth{frame.index:06d}.png", depth, FAST_PNG)


def _write_replica_index(directory: Path, source: Source, trajectory: Trajectory) -> None:
    lines = [" ".join(f"{x:.12g}" for x in T.ravel()) + "\n" for T in trajectory.Ts_world_camera]
    (directory / "traj.txt").write_text("".join(lines))
    c = source.camera
    values = {"w": c.width, "h": c.height, "fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy}
    text = json.dumps({"camera": {**values, "scale": REPLICA_DEPTH_SCALE}}, indent=2)
    (directory / "cam_params.json").write_text(text + "\n")


def _bgr(frame: Frame) -> UInt8[np.ndarray, "h w 3"]:
    if frame.color is None:
        raise SlamError(f"frame {frame.index} has no colour to write")
    return frame.color[:, :, ::-1]
