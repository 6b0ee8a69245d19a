"""From raw frames to frames: metres, and colour of the depth image's pixels."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from kernels.reference.register import distort
from kernels.register import register_color
from slam.camera import Camera
from slam.sources.realsense.calibration import Calibration, Lens
from slam.sources.realsense.raw_frame import RawFrame

_SATURATED = 65535


class Registration:
    """Straightens depth and looks its colour up; one for a calibration."""

    def __init__(self, calibration: Calibration) -> None:
        self.camera: Camera = calibration.depth.camera
        self.calibration = calibration
        self._maps = None if calibration.depth.is_straight else straightening(calibration.depth)
        self._color_camera = None if calibration.color is None else calibration.color_camera()

    def warm_up(self) -> None:
        """Compile or load the kernel, so that no frame waits for it."""
        if self._color_camera is not None:
            color, depth_m = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.float32)
            register_color(color, depth_m, self.camera.intrinsics, self._color_camera)

    def depth(self, frame: RawFrame) -> UInt16[np.ndarray, "h w"]:
        """Return stored depth values of a camera without distortion, 0 where missing."""
        depth = frame.depth
        if self._maps is not None:  # nearest: between two surfaces there is none
            depth = cv2.remap(depth, *self._maps, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        return cv2.threshold(depth, _SATURATED - 1, 0, cv2.THRESH_TOZERO_INV)[1]

    def depth_m(self, depth: UInt16[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return stored values in metres."""
        return depth * np.float32(self.calibration.depth_unit_m)

    def color(
        self, frame: RawFrame, depth_m: Float32[np.ndarray, "h w"]
    ) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return the colour of each depth pixel; None where there is none."""
        if frame.color is None or self._color_camera is None:
            return None
        color = np.ascontiguousarray(frame.color)
        return register_color(color, depth_m, self.camera.intrinsics, self._color_camera)


def straightening(lens: Lens) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps, as `cv2.remap` takes them, from the pixels of the pinhole camera with the
    same intrinsics to those of the lens.
    """
    c = lens.camera
    v, u = np.mgrid[: c.height, : c.width].astype(np.float64)
    x, y = distort((u - c.cx) / c.fx, (v - c.cy) / c.fy, lens.distortion)
    return (x * c.fx + c.cx).astype(np.float32), (y * c.fy + c.cy).astype(np.float32)
