"""What a device says of its two cameras, in this project's units and frames."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slam.camera import Camera, DepthNoise
from slam.errors import SlamError
from slam.geometry import Transform
from slam.sources.lens import MODELS, Lens
from slam.sources.realsense.sdk import realsense_sdk


@dataclass(frozen=True)
class Calibration:
    """The cameras of a device; `color` is None where it has only depth."""

    depth: Lens
    depth_unit_m: float  # of the stored values
    fps: float
    color: Lens | None = None
    T_color_depth: Transform | None = field(default=None, compare=False)  # an array
    baseline_m: float | None = None  # of the stereo pair that measures depth

    def depth_noise(self, sigma_disparity_px: float) -> DepthNoise:
        """Return the noise of a stereo pair, or of the Kinect where no baseline is stated: then it
        is structured light or time of flight.
        """
        if self.baseline_m is None:
            return DepthNoise.kinect_v1()
        return DepthNoise.stereo(sigma_disparity_px, self.depth.camera.fx, self.baseline_m)


def lens_of(profile: Any) -> Lens:
    """Read the intrinsics of a video stream profile."""
    values = profile.as_video_stream_profile().get_intrinsics()
    camera = Camera(values.width, values.height, values.fx, values.fy, values.ppx, values.ppy)
    if values.fx <= 0 or values.fy <= 0:
        raise SlamError(f"the device states a focal length of {values.fx:g}, {values.fy:g} px")
    coefficients = tuple(float(value) for value in values.coeffs)
    if not any(coefficients):
        return Lens(camera)
    model = values.model.name
    if model not in MODELS:
        raise SlamError(f"lens distortion {model} is not supported")
    return Lens(camera, model, coefficients)


def T_between(profile: Any, other: Any) -> Transform:
    """Return T_other_profile, from the camera of one stream profile to that of another."""
    extrinsics = profile.get_extrinsics_to(other)
    T = np.eye(4)
    T[:3, :3] = np.array(extrinsics.rotation).reshape(3, 3).T  # stored column by column
    T[:3, 3] = extrinsics.translation
    return T


def baseline_of(depth_sensor: Any) -> float | None:
    """Return the baseline of a stereo sensor; None where it has none."""
    option = realsense_sdk().option.stereo_baseline
    if not depth_sensor.supports(option):
        return None
    return abs(float(depth_sensor.get_option(option))) / 1000.0 or None  # stored in mm


def calibration_of(profile: Any, has_color: bool) -> Calibration:
    """Read a started pipeline's cameras."""
    rs = realsense_sdk()
    depth_sensor = profile.get_device().first_depth_sensor()
    depth = profile.get_stream(rs.stream.depth)
    color = profile.get_stream(rs.stream.color) if has_color else None
    return Calibration(
        depth=lens_of(depth),
        depth_unit_m=depth_sensor.get_depth_scale(),
        fps=float(depth.fps()),
        color=lens_of(color) if color is not None else None,
        T_color_depth=T_between(depth, color) if color is not None else None,
        baseline_m=baseline_of(depth_sensor),
    )
