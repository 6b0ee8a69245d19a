"""The pinhole camera and the depth noise of its sensor."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped

Depth = TypeVar("Depth", float, np.ndarray)
_MOST_PX = 1e6
_NEAREST_M = 0.01  # what is nearer, or behind the camera, is projected as if it were here


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

    def impossible(self) -> str:
        """Return which of its numbers no camera has; "" where each may be."""
        for name in ("fx", "fy", "cx", "cy"):
            value = getattr(self, name)
            if not math.isfinite(value) or abs(value) > _MOST_PX:
                return f"{name} must be a number of pixels, got {value:g}"
        for name in ("width", "height"):
            if getattr(self, name) < 1:
                return f"{name} must be positive, got {getattr(self, name)}"
        if self.fx <= 0 or self.fy <= 0:
            return (
                f"fx {self.fx:g} and fy {self.fy:g} must be positive: a negative one turns an "
                f"image axis round, which would mirror the world; the axes here are x right, y down"
            )
        return ""

    def off_image(self) -> str:
        """Return that its principal point is not in its image; "" where it is."""
        if -0.5 <= self.cx <= self.width - 0.5 and -0.5 <= self.cy <= self.height - 0.5:
            return ""
        return (
            f"the principal point ({self.cx:g}, {self.cy:g}) lies outside of the "
            f"{self.width}x{self.height} image"
        )

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

    def resized(self, width: int, height: int) -> "Camera":
        """Return the camera of the same view in an image of another size."""
        across, down = width / self.width, height / self.height
        return Camera(
            width,
            height,
            fx=self.fx * across,
            fy=self.fy * down,
            cx=(self.cx + 0.5) * across - 0.5,
            cy=(self.cy + 0.5) * down - 0.5,
        )

    def unproject(
        self,
        u: Shaped[np.ndarray, "..."],
        v: Shaped[np.ndarray, "..."],
        depth_m: Float[np.ndarray, "..."],
    ) -> Float[np.ndarray, "... 3"]:
        """Return the points of pixels at these depths, in the depths' own precision."""
        number = depth_m.dtype.type
        x = (u.astype(number) - number(self.cx)) / number(self.fx)
        y = (v.astype(number) - number(self.cy)) / number(self.fy)
        return np.stack([x * depth_m, y * depth_m, depth_m], axis=-1)

    def unproject_image(self, depth_m: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
        """Return the point of every pixel; (0, 0, 0) where depth is missing."""
        v, u = np.mgrid[: self.height, : self.width]
        return self.unproject(u, v, depth_m)

    def project(
        self, points: Float[np.ndarray, "... 3"]
    ) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Return the pixels (u, v) of points. Their z has to be tested beside: points behind the
        camera get a pixel, too.
        """
        z = np.maximum(points[..., 2], _NEAREST_M)
        return (
            self.fx * points[..., 0] / z + self.cx,
            self.fy * points[..., 1] / z + self.cy,
        )

    def contains(
        self, u: Float[np.ndarray, "..."], v: Float[np.ndarray, "..."]
    ) -> Bool[np.ndarray, "..."]:
        """Tell which pixels lie in the image."""
        return (u >= -0.5) & (u < self.width - 0.5) & (v >= -0.5) & (v < self.height - 0.5)

    def slopes(self) -> tuple[Float64[np.ndarray, "w"], Float64[np.ndarray, "h"]]:
        """Return x / z of each column and y / z of each row."""
        return (
            (np.arange(self.width) - self.cx) / self.fx,
            (np.arange(self.height) - self.cy) / self.fy,
        )

    @property
    def intrinsics(self) -> Float32[np.ndarray, "4"]:
        """fx, fy, cx, cy as the kernels take them."""
        return np.array([self.fx, self.fy, self.cx, self.cy], dtype=np.float32)


@dataclass(frozen=True)
class DepthNoise:
    """Standard deviation of a depth reading: sigma(z) = constant_m + linear * z + quadratic_per_m *
    z^2, z in metres.

    Readings that are worse than `worst_sigma_m` tell nothing that nearer ones do not tell better: a
    Kinect's disparity steps are 5 cm wide at 4 m, and a wall lies wholly in one step. A stereo
    camera's are a fraction of its noise, which averages out, and far floor is what tells its pitch.
    """

    constant_m: float = 0.001504
    linear: float = -0.00152
    quadratic_per_m: float = 0.0019
    worst_sigma_m: float = 0.025

    @staticmethod
    def kinect_v1() -> "DepthNoise":
        """Nguyen et al. 2012: 1.2 mm + 1.9 mm (z - 0.4)^2, expanded."""
        return DepthNoise()

    @staticmethod
    def stereo(sigma_disparity_px: float, focal_px: float, baseline_m: float) -> "DepthNoise":
        """Triangulation: sigma(z) = z^2 sigma_d / (f b), plus half a millimetre that no sensor goes
        below.
        """
        return DepthNoise(0.0005, 0.0, sigma_disparity_px / (focal_px * baseline_m), 0.075)

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

    def sigma_m(self, depth_m: Depth) -> Depth:
        """Return the standard deviation at a depth, or at each of many."""
        return self.constant_m + self.linear * depth_m + self.quadratic_per_m * depth_m * depth_m

    def range_m(self, worst_sigma_m: float) -> float:
        """Return the depth at which the standard deviation grows to this much: infinity where it
        never does, 0 where it is never less.
        """
        a, b, c = self.quadratic_per_m, self.linear, self.constant_m - worst_sigma_m
        if a > 0:
            root = math.sqrt(max(b * b - 4.0 * a * c, 0.0))
            return max((root - b) / (2.0 * a), 0.0) if b * b >= 4.0 * a * c else 0.0
        if b > 0:
            return max(-c / b, 0.0)
        return 0.0 if c > 0 else math.inf
