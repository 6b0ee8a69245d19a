"""The pinhole camera and the depth noise of its sensor."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion. Pixel centres lie at integers; OpenCV axes (x right, y
    down, z forward).
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def scaled(self, factor: float) -> "Camera":
        """Return the camera of the image resized by `factor` (0.5 = half), keeping the
        integer-centre convention.
        """
        return Camera(
            width=int(self.width * factor),
            height=int(self.height * factor),
            fx=self.fx * factor,
            fy=self.fy * factor,
            cx=(self.cx + 0.5) * factor - 0.5,
            cy=(self.cy + 0.5) * factor - 0.5,
        )

    @property
    def intrinsics(self) -> Float32[np.ndarray, "4"]:
        """fx, fy, cx, cy as the kernels take them."""
        return np.array([self.fx, self.fy, self.cx, self.cy], dtype=np.float32)


@dataclass(frozen=True)
class DepthNoise:
    """Standard deviation of a depth reading: sigma(z) = constant_m + linear * z + quadratic_per_m *
    z^2, z in metres.
    """

    constant_m: float = 0.001504
    linear: float = -0.00152
    quadratic_per_m: float = 0.0019

    @staticmethod
    def kinect_v1() -> "DepthNoise":
        """Nguyen et al. 2012: 1.2 mm + 1.9 mm (z - 0.4)^2, expanded."""
        return DepthNoise()

    @staticmethod
    def stereo(sigma_disparity_px: float, focal_px: float, baseline_m: float) -> "DepthNoise":
        """Triangulation: sigma(z) = z^2 sigma_d / (f b), plus half a millimetre that no sensor goes
        below.
        """
        return DepthNoise(0.0005, 0.0, sigma_disparity_px / (focal_px * baseline_m))

    @staticmethod
    def rendered() -> "DepthNoise":
        """Depth rendered without noise: what is left is rounding and the footprint of a pixel,
        which grows with z.
        """
        return DepthNoise(0.0005, 0.0005, 0.0)

    @property
    def coefficients(self) -> Float32[np.ndarray, "3"]:
        """constant, linear, quadratic as the kernels take them."""
        return np.array([self.constant_m, self.linear, self.quadratic_per_m], dtype=np.float32)

    def sigma_m(self, depth_m: float) -> float:
        """Return the standard deviation at one depth."""
        return self.constant_m + self.linear * depth_m + self.quadratic_per_m * depth_m**2
