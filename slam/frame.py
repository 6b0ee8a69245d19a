"""One RGB-D frame."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from slam.camera import Camera, DepthNoise
from slam.geometry import Transform


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


@dataclass(frozen=True)
class PosedFrame:
    """What the mapping thread takes: a frame, its pose and how uncertain that is; and by how much
    frames since the last one, of which none was mapped, may have gone astray.
    """

    frame: Frame
    T_world_camera: Transform
    uncertainty_m: float
    astray_m: float = 0.0


class FrameGate:
    """Lets frames through that can be tracked one after another, and raises ValueError for one that
    cannot: with it an image of the wrong kind or size is a clear mistake, not a black map.
    """

    def __init__(self) -> None:
        self._before: tuple[Camera, float, int] | None = None  # of the last: time stamp and index

    def passed(self, frame: Frame) -> Frame:
        """Return the frame, with depth that is not finite set to 0 (missing). Its images are
        copies: tracker and map keep them for longer than a camera's driver keeps its buffers.
        """
        _check_depth(frame)
        _check_color(frame)
        _check_acceleration(frame)
        if not np.isfinite(frame.timestamp_s):
            raise ValueError(f"timestamp_s of frame {frame.index} is {frame.timestamp_s}")
        if self._before is None:
            if fault := frame.camera.impossible() or frame.camera.off_image():
                raise ValueError(f"the camera of frame {frame.index}: {fault}")
        else:
            _check_follows(frame, *self._before)
        self._before = (frame.camera, frame.timestamp_s, frame.index)
        depth_m = frame.depth_m.copy()
        if not np.isfinite(depth_m.max(initial=np.float32(0))):
            depth_m[~np.isfinite(depth_m)] = 0
        color = None if frame.color is None else frame.color.copy()
        mask = None if frame.color_mask is None else frame.color_mask.copy()
        return replace(frame, depth_m=depth_m, color=color, color_mask=mask)


def _check_follows(frame: Frame, camera: Camera, last_s: float, last_index: int) -> None:
    """Refuse a frame out of order, or of another camera: poses are looked up by time and index."""
    if frame.timestamp_s <= last_s:
        raise ValueError(
            f"timestamp_s of frame {frame.index} is {frame.timestamp_s:.6f}, "
            f"not after {last_s:.6f}, the last frame's"
        )
    if frame.index <= last_index:
        raise ValueError(f"index of a frame is {frame.index}, not after {last_index}, the last's")
    if frame.camera != camera:
        raise ValueError(f"the camera changed from {camera} to {frame.camera}")


def _check_depth(frame: Frame) -> None:
    shape, size = (frame.camera.height, frame.camera.width), frame.depth_m.shape
    if frame.depth_m.dtype != np.float32 or size != shape:
        raise ValueError(
            f"depth_m must be float32 metres of the camera's shape {shape}, "
            f"got {frame.depth_m.dtype} {size}"
        )


def _check_color(frame: Frame) -> None:
    color, shape = frame.color, (*frame.depth_m.shape, 3)
    if color is not None and (color.dtype != np.uint8 or color.shape != shape):
        raise ValueError(
            f"color must be uint8 RGB of shape {shape}, got {color.dtype} {color.shape}"
        )
    mask = frame.color_mask
    if mask is not None and (mask.dtype != np.bool_ or mask.shape != shape[:2]):
        raise ValueError(
            f"color_mask must be bool of shape {shape[:2]}, got {mask.dtype} {mask.shape}"
        )


def _check_acceleration(frame: Frame) -> None:
    felt = frame.acceleration
    if felt is not None and (np.shape(felt) != (3,) or not np.isfinite(felt).all()):
        raise ValueError(f"acceleration must be 3 numbers in m/s^2, got {felt}")
