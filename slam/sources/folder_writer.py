"""Writes frames as a plain folder, frame by frame: whatever ends it, what is there can be read."""

import contextlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.frame import Frame
from slam.imageio import FAST_PNG, depth_16_bit, write_image
from slam.sources.base import Stream

STAMPS_NAME = "timestamps.txt"
ACCELERATIONS_NAME = "accelerations.txt"
_HEADER = "# number timestamp\n"


def require_empty(folder: Path) -> None:
    """Refuse a folder that holds anything: two recordings in one would be read as one."""
    if any(folder.glob("*")):
        raise SlamError(f"{folder} is not empty: give a new folder to record to")


class FolderWriter:
    """`depth/`, `color/`, `camera.yaml`, the true time of each frame in `timestamps.txt`, and
    `accelerations.txt` where the camera feels them.

    A frame counts once its time is written: that comes last.
    """

    def __init__(self, folder: Path, stream: Stream, depth_scale: float) -> None:
        self.num_written = 0
        self._folder = folder
        self._depth_scale = depth_scale
        try:
            require_empty(folder)
            for name in ("depth", "color"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / "camera.yaml").write_text(camera_text(stream, depth_scale))
            self._stamps = (folder / STAMPS_NAME).open("w", encoding="utf-8")
            self._stamps.write(_HEADER)
        except OSError as error:
            raise SlamError(f"cannot record to {folder}: {error.strerror}") from error

    def write(self, frame: Frame) -> None:
        """Write a frame; `SlamError` where the disk is full, say. The frames before are whole."""
        name = f"{frame.index:06d}.png"
        try:
            depth = depth_16_bit(frame.depth_m, self._depth_scale)
            write_image(self._folder / "depth" / name, depth, FAST_PNG)
            if frame.color is not None:
                bgr = cv2.cvtColor(frame.color, cv2.COLOR_RGB2BGR)
                write_image(self._folder / "color" / name, bgr, FAST_PNG)
            if frame.acceleration is not None:
                self._write_acceleration(frame.index, frame.acceleration)
            self._stamps.write(f"{frame.index:06d} {frame.timestamp_s:.6f}\n")
            self._stamps.flush()
        except OSError as error:
            for kind in ("depth", "color"):
                with contextlib.suppress(OSError):  # what the disk does not let go of stays
                    (self._folder / kind / name).unlink(missing_ok=True)
            raise SlamError(
                f"cannot write to {self._folder}: {error.strerror}; "
                f"its first {self.num_written} frames are whole"
            ) from error
        self.num_written += 1

    def _write_acceleration(self, index: int, acceleration: Float64[np.ndarray, "3"]) -> None:
        x, y, z = acceleration
        with (self._folder / ACCELERATIONS_NAME).open("a", encoding="utf-8") as file:
            file.write(f"{index:06d} {x:.6f} {y:.6f} {z:.6f}\n")

    def close(self) -> None:
        """Close the file of times."""
        with contextlib.suppress(OSError):  # flushed after every line: what failed was told
            self._stamps.close()


def camera_text(stream: Stream, depth_scale: float) -> str:
    """Return the text of `camera.yaml`."""
    c, noise = stream.camera, stream.depth_noise
    values = {"width": c.width, "height": c.height, "fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy}
    values |= {"depth_scale": depth_scale, "fps": 1.0 / stream.period_s}
    lines = [f"{key}: {value}\n" for key, value in values.items()]
    lines.append("depth_sigma:\n")
    lines += [f"  {key}: {value}\n" for key, value in vars(noise).items()]
    return "".join(lines)
