"""Reading depth images: metres, 0 where there is no reading."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32

from slam.camera import Camera
from slam.errors import BadFrameError, SlamError
from slam.sources.images import read_image

os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # asked for when the first EXR is read
SATURATED = 65535
_MOST_CHANNELS = 4
LEAST_CONFIDENCE = 1  # of 0 (low), 1, 2: ARKit's


@dataclass(frozen=True)
class DepthStorage:
    """How depth is stored."""

    scale: float  # stored value of one metre
    kind: Literal["z", "ray"] = "z"  # ray: the distance from the camera's centre, along the ray
    scale_origin: str = ""  # where the scale was taken from, where nobody stated it

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise SlamError(f"depth_scale must be positive, got {self.scale:g}")


class DepthReader:
    """Reads the depth images of a camera."""

    def __init__(self, camera: Camera, storage: DepthStorage) -> None:
        self._size = (camera.height, camera.width)
        self._scale = storage.scale

    def read(self, path: Path, confidence_path: Path | None = None) -> Float32[np.ndarray, "h w"]:
        """Return depth in metres, 0 where missing; what is not finite, not positive, saturated
        (65535) or of low confidence is missing, too.
        """
        stored = read_stored(path)
        if stored.shape != self._size:
            raise BadFrameError(
                f"{path} is {_text(stored.shape)}, the camera is {_text(self._size)}"
            )
        if confidence_path is not None:
            stored[self._confidence(confidence_path) < LEAST_CONFIDENCE] = 0
        depth_m = stored.astype(np.float32)
        depth_m *= np.float32(1.0 / self._scale)
        return depth_m

    def _confidence(self, path: Path) -> np.ndarray:
        confidence = _array(path)
        if confidence.shape[:2] != self._size:
            height, width = self._size
            confidence = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_NEAREST)
        return confidence if confidence.ndim == 2 else confidence[..., 0]


def z_of_rays(camera: Camera) -> Float32[np.ndarray, "h w"]:
    """Return the depth at which each pixel's ray is a metre long."""
    x, y = camera.slopes()
    return (1.0 / np.sqrt(x**2 + y[:, None] ** 2 + 1.0)).astype(np.float32)


def read_stored(path: Path) -> np.ndarray:
    """Return a depth image's values as they are stored (h, w), 0 where missing: integers of 16 bits
    or more, or floats.
    """
    stored = _array(path)
    if stored.ndim == 3 and stored.shape[2] == 1:
        stored = stored[..., 0]
    if not 2 <= stored.ndim <= 3 or (stored.ndim == 3 and stored.shape[2] > _MOST_CHANNELS):
        raise BadFrameError(f"{path} must hold one depth image, got an array {stored.shape}")
    if stored.dtype.kind == "f":
        if stored.ndim == 3:  # EXR has channels, of which one or all hold depth
            stored = stored.max(axis=2)
        stored = np.nan_to_num(stored, nan=0.0, posinf=0.0, neginf=0.0)
        return np.maximum(stored, 0, out=stored)
    if stored.ndim != 2 or stored.dtype.kind not in "iu" or stored.dtype.itemsize < 2:
        raise BadFrameError(
            f"{path} must be a 16-bit depth image, got {stored.dtype} {stored.shape}"
        )
    if stored.dtype == np.uint16:
        return cv2.threshold(stored, SATURATED - 1, 0, cv2.THRESH_TOZERO_INV, dst=stored)[1]
    return np.maximum(stored, 0)


def _array(path: Path) -> np.ndarray:
    if path.suffix.lower() not in (".npy", ".npz"):
        return read_image(path, cv2.IMREAD_UNCHANGED)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:  # the one array, or that which says so
            names = list(loaded)
            return loaded["depth" if "depth" in names else names[0]]
    except (OSError, ValueError, IndexError, EOFError) as error:
        raise BadFrameError(f"{path} cannot be read: {error}") from error


def _text(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
