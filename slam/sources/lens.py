"""A camera whose lens distorts, and its images without the distortion."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kernels import lens as lens_models
from kernels.reference.lens import distort
from kernels.undistort import undistort_color, undistort_depth, undistortion_table
from slam.camera import Camera
from slam.errors import SlamError

# The names of the vendor's SDK, and OpenCV's "fisheye". "Inverse" says how the coefficients were
# found: the SDK projects with them as with those of "modified".
MODELS = {
    "none": lens_models.BROWN_CONRADY,
    "brown_conrady": lens_models.BROWN_CONRADY,
    "modified_brown_conrady": lens_models.TANGENTIAL_AFTER_RADIAL,
    "inverse_brown_conrady": lens_models.TANGENTIAL_AFTER_RADIAL,
    "fisheye": lens_models.FISHEYE,
    "kannala_brandt4": lens_models.FISHEYE,
    "ftheta": lens_models.F_THETA,
}
_FARTHEST = 20.0  # x / z: 87 degrees off the axis


@dataclass(frozen=True)
class Lens:
    """A pinhole camera and the distortion of its image: a model of `MODELS` with its coefficients
    in the order of `kernels.lens`, those left out being 0.
    """

    camera: Camera
    model: str = "none"
    coefficients: tuple[float, ...] = ()

    @cached_property
    def distortion(self) -> Float32[np.ndarray, "10"]:
        """The distortion as the kernels take it."""
        distortion = lens_models.NO_DISTORTION.copy()
        if self.model != "none":
            distortion[: len(self.coefficients)] = self.coefficients
            distortion[lens_models.MODEL] = MODELS[self.model]
            distortion[lens_models.LIMIT] = _limit(distortion)
        return distortion

    @property
    def is_straight(self) -> bool:
        """Whether there is no distortion. A fisheye without coefficients is no pinhole camera."""
        is_polynomial = MODELS[self.model] < lens_models.FISHEYE
        return is_polynomial and not self.distortion[: lens_models.NUM_COEFFICIENTS].any()

    def resized(self, width: int, height: int) -> "Lens":
        """Return the lens of the same view in an image of another size: the coefficients are of
        directions, and stay.
        """
        return Lens(self.camera.resized(width, height), self.model, self.coefficients)


def opencv_lens(camera: Camera, coefficients: Sequence[float], where: str) -> Lens:
    """Return the lens of OpenCV's k1 k2 p1 p2 [k3 [k4 k5 k6]]."""
    if len(coefficients) not in (4, 5, 8):
        raise SlamError(
            f"{where} must hold k1 k2 p1 p2 k3 or k1 k2 p1 p2 k3 k4 k5 k6, got "
            f"{len(coefficients)} numbers"
        )
    return Lens(camera, "brown_conrady", _finite(coefficients, where))


def fisheye_lens(camera: Camera, coefficients: Sequence[float], where: str) -> Lens:
    """Return the lens of OpenCV's fisheye k1 k2 k3 k4."""
    if len(coefficients) != 4:
        raise SlamError(f"{where} must hold k1 k2 k3 k4, got {len(coefficients)} numbers")
    return Lens(camera, "fisheye", _finite(coefficients, where))


def _finite(coefficients: Sequence[float], where: str) -> tuple[float, ...]:
    if not np.isfinite(coefficients).all():
        raise SlamError(f"{where} must hold finite numbers, got {list(coefficients)}")
    return tuple(float(value) for value in coefficients)


def _limit(distortion: Float32[np.ndarray, "10"]) -> float:
    """Return the largest squared radius up to which the image grows with the angle: farther out a
    polynomial turns back and would show the same things again.
    """
    radius = np.linspace(0.0, _FARTHEST, 20_001)
    radial = distortion.copy()
    if distortion[lens_models.MODEL] < lens_models.FISHEYE:
        radial[2:4] = 0.0
    imaged, _ = distort(radius, np.zeros_like(radius), radial)
    turns = np.flatnonzero(np.diff(imaged) <= 0.0)
    return float(radius[turns[0]] ** 2) if len(turns) else lens_models.NO_LIMIT


class Undistortion:
    """Straightens the images of a lens: those of the pinhole camera with the same intrinsics."""

    def __init__(self, lens: Lens) -> None:
        camera = lens.camera
        self._table = undistortion_table(
            (camera.height, camera.width), camera.intrinsics, lens.distortion
        )

    @property
    def is_seen(self) -> Bool[np.ndarray, "h w"]:
        """Which pixels of the straight image the lens sees."""
        return self._table.is_seen

    def depth(self, depth_m: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return straight depth, 0 where missing or not seen."""
        return undistort_depth(depth_m, self._table)

    def color(self, color: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """Return straight colour; where nothing is seen the border goes on."""
        return undistort_color(color, self._table)
