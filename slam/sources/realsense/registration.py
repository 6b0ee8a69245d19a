"""From raw frames to frames: metres, and colour of the depth image's pixels."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt16

from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.raw_frame import RawFrame
from slam.sources.rig import Registered, Rig

_SATURATED = 65535


class Registration:
    """Straightens depth and looks its colour up; one for a calibration."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._rig = Rig(calibration.depth, calibration.color, calibration.T_color_depth)

    def warm_up(self) -> None:
        """Compile or load the kernels, so that no frame waits for them."""
        camera = self.calibration.depth.camera
        depth_m = self.depth_m(np.ones((camera.height, camera.width), np.uint16))
        if self.calibration.color is not None:
            self._rig.registered(np.zeros((*self._rig.color_size, 3), np.uint8), depth_m)

    def depth_m(self, depth: UInt16[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return stored values in metres as a camera without distortion has them, 0 where
        missing.
        """
        depth = cv2.threshold(depth, _SATURATED - 1, 0, cv2.THRESH_TOZERO_INV)[1]
        return self._rig.depth(depth * np.float32(self.calibration.depth_unit_m))

    def color(self, frame: RawFrame, depth_m: Float32[np.ndarray, "h w"]) -> Registered | None:
        """Return the colour of each depth pixel; None where there is none."""
        if frame.color is None or self.calibration.color is None:
            return None
        return self._rig.registered(frame.color, depth_m)
