"""What the tracker computes once a frame: grey pyramid, and depth points with their noise."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kernels import depth as depth_ops
from slam.camera import Camera
from slam.frame import Frame

NUM_LEVELS = 4  # of an image of FULL_SIZE pixels 1 is half as wide, 4 a sixteenth
CLOUD_LEVEL = 2
FULL_SIZE = 640 * 480
NO_GRAY = np.float32(-1.0)  # of a pixel without colour
HALF_SEEN = 128  # of 255


@dataclass(frozen=True)
class Level:
    """One pyramid level: grey levels as float32 (None without colour, below 0 where a pixel has
    none) and depth, for the same camera.
    """

    camera: Camera
    depth_m: Float32[np.ndarray, "h w"]
    gray: Float32[np.ndarray, "h w"] | None


@dataclass(frozen=True)
class PointCloud:
    """Camera-frame points with the standard deviation of their error along the normal."""

    points: Float32[np.ndarray, "n 3"]
    sigma_m: Float32[np.ndarray, "n"]

    def against(self, sigma_m: float) -> "PointCloud":
        """Return the points with the error of what they are compared with added to their own."""
        if sigma_m == 0.0:
            return self
        return PointCloud(self.points, np.hypot(self.sigma_m, np.float32(sigma_m)))

    def subsample(self, step: int) -> "PointCloud":
        """Keep every `step`-th point."""
        return PointCloud(
            np.ascontiguousarray(self.points[::step]), np.ascontiguousarray(self.sigma_m[::step])
        )


@dataclass(frozen=True)
class PreparedFrame:
    """A frame as the tracker uses it."""

    frame: Frame
    levels: dict[int, Level]
    cloud: PointCloud


def num_unhalved(camera: Camera) -> int:
    """Return how many levels are the image itself, so that small images keep what they have."""
    missing = 0.5 * math.log2(FULL_SIZE / (camera.width * camera.height))
    return min(max(int(missing), 0), NUM_LEVELS)


def prepare(frame: Frame) -> PreparedFrame:
    """Build the pyramid; each point is the average of 4 x 4 readings of a large image."""
    noise = frame.depth_noise.coefficients
    depth_m = frame.depth_m
    gray = None if frame.color is None else cv2.cvtColor(frame.color, cv2.COLOR_RGB2GRAY)
    mask = None if frame.color_mask is None else 255 * frame.color_mask.astype(np.uint8)
    camera = frame.camera
    unhalved = num_unhalved(camera)
    levels = {}
    for level in range(1, NUM_LEVELS + 1):
        if level > unhalved:
            depth_m = depth_ops.halve_depth(depth_m, noise)
            camera = camera.scaled(0.5)
            size = camera.width, camera.height
            gray = None if gray is None else cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
            mask = None if mask is None else cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        levels[level] = Level(camera, depth_m, _levels_of_gray(gray, mask))
    return PreparedFrame(frame, levels, _point_cloud(levels[CLOUD_LEVEL], frame))


def _levels_of_gray(
    gray: UInt8[np.ndarray, "h w"] | None, mask: UInt8[np.ndarray, "h w"] | None
) -> Float32[np.ndarray, "h w"] | None:
    """Return grey levels; NO_GRAY where less than half of a pixel has colour: in the other half the
    border goes on, so little of it does no harm, and at coarse levels all of it would cost a lot.
    """
    if gray is None or mask is None:
        return None if gray is None else gray.astype(np.float32)
    return np.where(mask >= HALF_SEEN, gray.astype(np.float32), NO_GRAY)


def _point_cloud(level: Level, frame: Frame) -> PointCloud:
    """Unproject a level where it has a slope."""
    noise, intrinsics = frame.depth_noise.coefficients, level.camera.intrinsics
    gradient = depth_ops.inverse_depth_gradient(level.depth_m, noise)
    return PointCloud(*depth_ops.point_cloud(level.depth_m, gradient, intrinsics, noise))
