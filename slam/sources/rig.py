"""The cameras of a recording: what their lenses and places make of the images."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kernels.register import ColorCamera, register_color
from slam.camera import Camera
from slam.errors import BadFrameError
from slam.geometry import Transform
from slam.sources.lens import Lens, Undistortion

_SAME_VIEW = 0.03  # proportions of two images that differ by no more are of one view
_MAX_FINER = 1.5  # colour than depth: sampling a finer image bilinearly aliases


class Registered(NamedTuple):
    """Colour of the depth image's pixels, and where it is of the scene; None = everywhere."""

    color: UInt8[np.ndarray, "h w 3"]
    mask: Bool[np.ndarray, "h w"] | None


def is_one_view(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether images of two sizes (width, height) can show the same, by their proportions."""
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1.0) <= _SAME_VIEW


class Rig:
    """A depth camera and a colour camera; one for both where colour has depth's pixels already.

    What it returns is as if the depth camera had no distortion and had taken colour, too.
    """

    def __init__(
        self, depth: Lens, color: Lens | None = None, T_color_depth: Transform | None = None
    ) -> None:
        """Take the lenses; the cameras have one centre and direction where T_color_depth is
        None.
        """
        self.camera: Camera = depth.camera
        self._lenses = depth, color, T_color_depth
        self.is_undistorted = not depth.is_straight or (color is not None and not color.is_straight)
        self._undistortion = None if depth.is_straight else Undistortion(depth)
        self._color: ColorRegistration | None = None
        if color is not None:
            T = np.eye(4) if T_color_depth is None else T_color_depth
            self._color = ColorRegistration(depth.camera, color, T)

    def for_color_of(self, width: int, height: int) -> "Rig":
        """Return the rig whose colour images show the same view at another size."""
        if (height, width) == self.color_size:
            return self
        depth, color, T_color_depth = self._lenses
        return Rig(depth, (color or depth).resized(width, height), T_color_depth)

    @property
    def color_size(self) -> tuple[int, int]:
        """Height and width of colour images."""
        return (self.camera.height, self.camera.width) if self._color is None else self._color.size

    def depth(self, depth_m: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return straight depth."""
        return depth_m if self._undistortion is None else self._undistortion.depth(depth_m)

    def registered(
        self, color: UInt8[np.ndarray, "a b 3"], depth_m: Float32[np.ndarray, "h w"]
    ) -> Registered:
        """Return the colour of straight depth's pixels; raise `BadFrameError` if the image is not
        the colour camera's.
        """
        if color.shape[:2] != self.color_size:
            sizes = [f"{width}x{height}" for height, width in (color.shape[:2], self.color_size)]
            whose = "depth" if self._color is None else "its camera"
            raise BadFrameError(f"colour is {sizes[0]} but {whose} is {sizes[1]}")
        if self._color is not None:
            color, is_seen = self._color(color, depth_m)
        elif self._undistortion is not None:
            color, is_seen = self._undistortion.color(color), self._undistortion.is_seen
        else:
            return Registered(color, None)
        return Registered(color, None if is_seen.all() else is_seen)


class ColorRegistration:
    """Looks up in the image of another camera what colour the depth camera's pixels have."""

    def __init__(self, depth_camera: Camera, lens: Lens, T_color_depth: Transform) -> None:
        self.size = lens.camera.height, lens.camera.width  # of the colour images
        self._depth_intrinsics = depth_camera.intrinsics
        self._num_halvings, camera = 0, lens.camera
        while camera.fx >= _MAX_FINER * depth_camera.fx:
            camera = camera.scaled(0.5)
            self._num_halvings += 1
        T = np.ascontiguousarray(T_color_depth[:3], dtype=np.float32)
        self._camera = ColorCamera(camera.intrinsics, lens.distortion, T)

    def __call__(
        self, color: UInt8[np.ndarray, "a b 3"], depth_m: Float32[np.ndarray, "h w"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
        """Return colour, and where its camera sees."""
        for _ in range(self._num_halvings):
            size = (color.shape[1] // 2, color.shape[0] // 2)
            color = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
        return register_color(
            np.ascontiguousarray(color), depth_m, self._depth_intrinsics, self._camera
        )
