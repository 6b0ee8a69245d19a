"""One RGB-D frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from slam.camera import Camera, DepthNoise


@dataclass(frozen=True)
class Frame:
    """A depth image and a colour image of the same pixels at the same time.

    `depth_m` is z-depth, float32, 0 where missing; `color` is RGB, registered to the depth image.
    `color` is None for a frame whose colour was lost, and `no_color` says why: such a frame still
    tracks on geometry.
    `color_mask` tells where the colour is of the scene, None = everywhere: a colour camera may see
    less than the depth camera, and where it sees nothing its border goes on. A live frame knows
    when it arrived, on the clock of `time.monotonic`. `acceleration` is what the camera felt since
    the frame before, in m/s^2 and its own axes: at rest 9.81 upwards.
    """

    index: int
    timestamp_s: float
    camera: Camera
    depth_m: Float32[np.ndarray, "h w"]
    color: UInt8[np.ndarray, "h w 3"] | None
    depth_noise: DepthNoise
    arrival_s: float | None = None
    acceleration: Float64[np.ndarray, "3"] | None = None
    color_mask: Bool[np.ndarray, "h w"] | None = None
    no_color: str = ""
