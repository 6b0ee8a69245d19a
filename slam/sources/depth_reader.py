"""Reading depth images in metres, with a check that their scale is the one that was stated."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt16

from slam.camera import Camera
from slam.errors import BadFrameError, SlamError
from slam.sources.images import read_image

COMMON_DEPTH_SCALES = (1000.0, 5000.0, 6553.5)  # ScanNet, 7-Scenes and RealSense; TUM; Replica
_PLAUSIBLE_MEDIAN_M = (0.05, 20.0)
_TYPICAL_MEDIAN_M = 2.0
_SATURATED = 65535


class DepthReader:
    """Reads the 16-bit depth images of a camera; `depth_scale` is the stored value of one metre."""

    def __init__(self, camera: Camera, depth_scale: float) -> None:
        if not depth_scale > 0:
            raise SlamError(f"depth_scale must be positive, got {depth_scale}")
        self._size = (camera.height, camera.width)
        self._depth_scale = depth_scale
        self._is_scale_checked = False

    def read(self, path: Path) -> Float32[np.ndarray, "h w"]:
        """Return z-depth in metres, 0 where missing; the saturated 65535 is missing, too.

        The first image that holds depth also tests the scale: a median that no room has raises
        `SlamError`.
        """
        raw = read_image(path, cv2.IMREAD_UNCHANGED)
        if raw.dtype != np.uint16 or raw.ndim != 2:
            raise BadFrameError(f"{path} must be a 16-bit depth image, got {raw.dtype} {raw.shape}")
        if raw.shape != self._size:
            raise BadFrameError(f"{path} is {_text(raw.shape)}, the camera is {_text(self._size)}")
        cv2.threshold(raw, _SATURATED - 1, 0, cv2.THRESH_TOZERO_INV, dst=raw)
        if not self._is_scale_checked:
            self._check_scale(raw, path)
        depth_m = raw.astype(np.float32)
        depth_m *= np.float32(1.0 / self._depth_scale)
        return depth_m

    def _check_scale(self, raw: UInt16[np.ndarray, "h w"], path: Path) -> None:
        valid = raw[raw > 0]
        if valid.size < raw.size // 100:
            return
        self._is_scale_checked = True
        median = float(np.median(valid))
        median_m = median / self._depth_scale
        if _PLAUSIBLE_MEDIAN_M[0] <= median_m <= _PLAUSIBLE_MEDIAN_M[1]:
            return
        likely = min(
            COMMON_DEPTH_SCALES, key=lambda scale: abs(np.log(median / scale / _TYPICAL_MEDIAN_M))
        )
        raise SlamError(
            f"{path}: median depth {median_m:.3g} m with depth_scale {self._depth_scale:g}; "
            f"depth_scale {likely:g} would make it {median / likely:.3g} m: set it in camera.yaml"
        )


def _text(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
