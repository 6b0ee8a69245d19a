"""Colour and depth of the same pixels: the check, and the warp between cameras with one centre."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kernels.register import ColorCamera, register_color
from slam.camera import Camera
from slam.errors import BadFrameError
from slam.geometry import Transform
from slam.sources.lens import Lens

_MAX_FINER = 1.5  # colour than depth: sampling a finer image bilinearly aliases


def require_same_size(
    depth_m: Float32[np.ndarray, "h w"], color: UInt8[np.ndarray, "a b 3"] | None, name: str
) -> None:
    """Raise `BadFrameError` where colour and depth cannot be of the same pixels."""
    if color is not None and color.shape[:2] != depth_m.shape:
        sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (color, depth_m)]
        raise BadFrameError(
            f"colour is {sizes[0]} but depth {name} is {sizes[1]}: they must have one size"
        )


def pixel_rays(camera: Camera) -> tuple[Float32[np.ndarray, "w"], Float32[np.ndarray, "h"]]:
    """Return x/z of each column and y/z of each row."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    return x.astype(np.float32), y.astype(np.float32)


class FixedWarp:
    """Warps colour into a depth camera with the same optical centre: one map for every depth."""

    def __init__(self, color_camera: Camera, depth_camera: Camera) -> None:
        self._size = (color_camera.height, color_camera.width)
        self._num_halvings = 0
        # Sampling a much finer image bilinearly aliases: average 2x2 pixels until it is not finer
        # than by a factor of 1.5.
        while color_camera.fx >= 1.5 * depth_camera.fx:
            color_camera = color_camera.scaled(0.5)
            self._num_halvings += 1
        x, y = pixel_rays(depth_camera)
        map_u, map_v = np.meshgrid(
            x * color_camera.fx + color_camera.cx, y * color_camera.fy + color_camera.cy
        )
        self._maps = cv2.convertMaps(
            map_u.astype(np.float32), map_v.astype(np.float32), cv2.CV_16SC2
        )

    def __call__(
        self, color: UInt8[np.ndarray, "h w 3"], depth_m: Float32[np.ndarray, "a b"] | None = None
    ) -> UInt8[np.ndarray, "a b 3"]:
        """Return the colour of the depth camera's pixels, whatever their depth."""
        if color.shape[:2] != self._size:
            sizes = [f"{width}x{height}" for height, width in (color.shape[:2], self._size)]
            raise BadFrameError(f"colour is {sizes[0]}, its camera is {sizes[1]}")
        for _ in range(self._num_halvings):
            size = (color.shape[1] // 2, color.shape[0] // 2)
            color = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
        return cv2.remap(color, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


class Registered(NamedTuple):
    """Colour of the depth image's pixels, and where it is of the scene; None = everywhere."""

    color: UInt8[np.ndarray, "h w 3"]
    mask: Bool[np.ndarray, "h w"] | None


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
    ) -> Registered:
        """Register a colour image; raise `BadFrameError` if it is not its camera's."""
        if color.shape[:2] != self.size:
            sizes = [f"{width}x{height}" for height, width in (color.shape[:2], self.size)]
            raise BadFrameError(f"colour is {sizes[0]}, its camera is {sizes[1]}")
        for _ in range(self._num_halvings):
            size = (color.shape[1] // 2, color.shape[0] // 2)
            color = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
        color, is_seen = register_color(
            np.ascontiguousarray(color), depth_m, self._depth_intrinsics, self._camera
        )
        return Registered(color, None if is_seen.all() else is_seen)
