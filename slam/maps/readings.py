"""What a frame tells a map about the surface it saw."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from kernels import depth as depth_ops
from slam.camera import Camera
from slam.frame import Frame

FOCAL_PX = 500.0  # of the images that strides are meant for


class SurfaceReadings(NamedTuple):
    """A frame's readings with their edges marked, and the normals of its 4 x 4 averaged depth."""

    depth_m: Float32[np.ndarray, "m"]
    normals: Float32[np.ndarray, "h w 3"]


def stride_for(camera: Camera, stride: int) -> int:
    """Return how many pixels are as far apart in space as `stride` pixels of a 640 x 480 camera:
    fewer of a smaller image, but at least one.
    """
    return max(1, min(stride, int(stride * camera.fx / FOCAL_PX)))


def surface_readings(frame: Frame) -> SurfaceReadings:
    """Prepare a frame for fusion."""
    intrinsics = frame.camera.scaled(0.25).intrinsics
    return readings_of(frame.depth_m, intrinsics, frame.depth_noise.coefficients)


def readings_of(
    depth_m: Float32[np.ndarray, "h w"],
    quarter_intrinsics: Float32[np.ndarray, "4"],
    noise: Float32[np.ndarray, "3"],
) -> SurfaceReadings:
    """Do it with an image and its noise, also with tensors; `quarter_intrinsics` are those of the
    image's quarter.
    """
    quarter = depth_ops.halve_depth(depth_ops.halve_depth(depth_m, noise), noise)
    gradient = depth_ops.inverse_depth_gradient(quarter, noise)
    return SurfaceReadings(
        depth_ops.mark_edges(depth_m, noise),
        depth_ops.normals(quarter, gradient, quarter_intrinsics),
    )
