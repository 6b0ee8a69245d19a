"""When the photometric keyframe is due to be replaced."""

from dataclasses import dataclass

import numpy as np

from slam.geometry import Transform, inverse, rotation_angle_rad

MAX_ROTATION_RAD = 0.2
MAX_RELATIVE_TRANSLATION = 0.12  # of the median depth


@dataclass(frozen=True)
class KeyframeView:
    """From where a keyframe was seen, and how far its surface was."""

    T_world_keyframe: Transform
    median_depth_m: float

    def is_worn_out(self, T_world_camera: Transform) -> bool:
        """Whether the camera has moved so far that a new keyframe sees more of what is in view."""
        T = inverse(self.T_world_keyframe) @ T_world_camera
        distance_m = float(np.linalg.norm(T[:3, 3]))
        return (
            distance_m > MAX_RELATIVE_TRANSLATION * self.median_depth_m
            or rotation_angle_rad(T[:3, :3]) > MAX_ROTATION_RAD
        )
