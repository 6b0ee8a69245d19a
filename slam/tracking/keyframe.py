"""When the photometric keyframe is due to be replaced."""

from dataclasses import dataclass

from slam.geometry import Transform, is_elsewhere

MAX_ROTATION_RAD = 0.2
MAX_RELATIVE_TRANSLATION = 0.12  # of the median depth


@dataclass(frozen=True)
class KeyframeView:
    """From where a keyframe was seen, and how far its surface was."""

    T_world_keyframe: Transform
    median_depth_m: float

    def needs_replacement(self, T_world_camera: Transform) -> bool:
        """Whether the camera has moved so far that a new keyframe sees more of what is in view."""
        max_distance_m = MAX_RELATIVE_TRANSLATION * self.median_depth_m
        return is_elsewhere(self.T_world_keyframe, T_world_camera, max_distance_m, MAX_ROTATION_RAD)
