"""What is kept of a keyframe to align later frames with."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.tracking.prepare import CLOUD_LEVEL, PreparedFrame, prepare

NUM_STEPS = 65535  # of depth, up to the deepest reading: 0.1 mm of 6.5 m


@dataclass(frozen=True)
class StoredView:
    """Depth and grey levels at the size of the point cloud, in three bytes a pixel."""

    camera: Camera
    depth: UInt16[np.ndarray, "h w"]
    step_m: float
    gray: UInt8[np.ndarray, "h w"] | None
    depth_noise: DepthNoise

    @classmethod
    def of(cls, prepared: PreparedFrame) -> "StoredView":
        """Keep what a frame shows."""
        level = prepared.levels[CLOUD_LEVEL]
        step_m = max(float(level.depth_m.max(initial=np.float32(0))), 1e-3) / NUM_STEPS
        depth = np.rint(level.depth_m / step_m).astype(np.uint16)
        gray = None if level.gray is None else np.clip(level.gray, 0, 255).astype(np.uint8)
        return cls(level.camera, depth, step_m, gray, prepared.frame.depth_noise)

    def prepared(self) -> PreparedFrame:
        """Return it as the tracker prepares a frame, which is of that small size."""
        depth_m = self.depth.astype(np.float32) * np.float32(self.step_m)
        color = None if self.gray is None else cv2.cvtColor(self.gray, cv2.COLOR_GRAY2RGB)
        return prepare(Frame(0, 0.0, self.camera, depth_m, color, self.depth_noise))

    @property
    def nbytes(self) -> int:
        """Bytes of both images."""
        return self.depth.nbytes + (0 if self.gray is None else self.gray.nbytes)
