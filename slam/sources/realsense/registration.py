"""From raw frames to frames: metres, and colour of the depth image's pixels."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt16

from slam.camera import Camera
from slam.sources.lens import Undistortion
from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.raw_frame import RawFrame
from slam.sources.registered import ColorRegistration, Registered

_SATURATED = 65535


class Registration:
    """Straightens depth and looks its colour up; one for a calibration."""

    def __init__(self, calibration: Calibration) -> None:
        self.camera: Camera = calibration.depth.camera
        self.calibration = calibration
        is_straight = calibration.depth.is_straight
        self._undistortion = None if is_straight else Undistortion(calibration.depth)
        self._color: ColorRegistration | None = None
        if calibration.color is not None:
            assert calibration.T_color_depth is not None
            self._color = ColorRegistration(
                self.camera, calibration.color, calibration.T_color_depth
            )

    def warm_up(self) -> None:
        """Compile or load the kernels, so that no frame waits for them."""
        h, w = self.camera.height, self.camera.width
        depth_m = self.depth_m(np.full((h, w), 1, np.uint16))
        if self._color is not None:
            self._color(np.zeros((*self._color.size, 3), np.uint8), depth_m)

    def depth_m(self, depth: UInt16[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return stored values in metres as a camera without distortion has them, 0 where
        missing.
        """
        depth = cv2.threshold(depth, _SATURATED - 1, 0, cv2.THRESH_TOZERO_INV)[1]
        depth_m = depth * np.float32(self.calibration.depth_unit_m)
        return depth_m if self._undistortion is None else self._undistortion.depth(depth_m)

    def color(self, frame: RawFrame, depth_m: Float32[np.ndarray, "h w"]) -> Registered | None:
        """Return the colour of each depth pixel; None where there is none."""
        if frame.color is None or self._color is None:
            return None
        return self._color(frame.color, depth_m)
