"""When the photometric keyframe is due to be replaced."""

from dataclasses import dataclass

import numpy as np

from slam.geometry import Transform, is_elsewhere
from slam.tracking.prepare import Level

MAX_ROTATION_RAD = 0.2
MAX_RELATIVE_TRANSLATION = 0.12  # of the median depth
MUCH_SHARPER = 1.5


@dataclass(frozen=True)
class KeyframeView:
    """From where a keyframe was seen, how far its surface was, and how sharp it is."""

    T_world_keyframe: Transform
    median_depth_m: float
    sharpness: float

    def needs_replacement(self, T_world_camera: Transform, sharpness: float) -> bool:
        """Whether the camera has moved so far that a new keyframe sees more of what is in view, or
        shows it without the blur: of a frame in motion every sharp one differs at all its edges.
        """
        max_distance_m = MAX_RELATIVE_TRANSLATION * self.median_depth_m
        is_much_sharper = sharpness > MUCH_SHARPER * self.sharpness
        is_far = is_elsewhere(
            self.T_world_keyframe, T_world_camera, max_distance_m, MAX_ROTATION_RAD
        )
        return is_far or is_much_sharper


def sharpness(level: Level) -> float:
    """Return the mean squared slope of an image, in grey levels a pixel; 0 without colour. Of one
    scene, blur and wrong exposure lower it.
    """
    gray = level.gray
    if gray is None:
        return 0.0
    is_seen = gray >= 0.0
    across = np.diff(gray, axis=1)[is_seen[:, 1:] & is_seen[:, :-1]]
    down = np.diff(gray, axis=0)[is_seen[1:] & is_seen[:-1]]
    num_slopes = max(len(across) + len(down), 1)
    return float(across @ across + down @ down) / num_slopes
