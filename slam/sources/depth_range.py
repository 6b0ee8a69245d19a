"""Which readings of a depth image are used."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float32

from slam.camera import Camera, DepthNoise
from slam.config import PlaybackConfig
from slam.errors import BadFrameError
from slam.frame import Frame

ROOM_M = 5.0  # how far a room is mapped


def clamped(frame: Frame, camera: Camera, config: PlaybackConfig) -> Frame:
    """Return the frame with readings out of range (NaN and infinity, too) set to 0; raise
    `BadFrameError` if none is left.
    """
    if frame.depth_m.shape != (camera.height, camera.width):
        height, width = frame.depth_m.shape
        raise BadFrameError(
            f"its depth is {width}x{height}, the camera is {camera.width}x{camera.height}"
        )
    farthest_m = max_depth_m(config, frame.depth_noise)
    is_valid = cv2.inRange(frame.depth_m, (config.min_depth_m,), (farthest_m,))
    if not is_valid.any():
        raise BadFrameError(
            f"no depth between {config.min_depth_m:g} and {farthest_m:g} m"
            f" ({_median_text(frame.depth_m)})"
        )
    return replace(frame, depth_m=cv2.copyTo(frame.depth_m, is_valid))


def max_depth_m(config: PlaybackConfig, depth_noise: DepthNoise) -> float:
    """Return how far readings are used: as the config says, or as far as they tell something."""
    if config.max_depth_m is not None:
        return config.max_depth_m
    return min(ROOM_M, depth_noise.range_m(depth_noise.worst_sigma_m))


def _median_text(depth_m: Float32[np.ndarray, "h w"]) -> str:
    readings_m = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    return f"median {np.median(readings_m):.3g} m" if readings_m.size else "no reading at all"
