"""What a frame tells a map about the surface it saw."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from kernels import depth as depth_ops
from slam.frame import Frame


class SurfaceReadings(NamedTuple):
    """A frame's readings with their edges marked, and the normals of its 4 x 4 averaged depth."""

    depth_m: Float32[np.ndarray, "m"]
    normals: Float32[np.ndarray, "h w 3"]


def surface_readings(frame: Frame) -> SurfaceReadings:
    """Prepare a frame for fusion."""
    noise = frame.depth_noise.coefficients
    quarter = depth_ops.halve_depth(depth_ops.halve_depth(frame.depth_m, noise), noise)
    gradient = depth_ops.inverse_depth_gradient(quarter, noise)
    intrinsics = frame.camera.scaled(0.25).intrinsics
    return SurfaceReadings(
        depth_ops.mark_edges(frame.depth_m, noise),
        depth_ops.normals(quarter, gradient, intrinsics),
    )
