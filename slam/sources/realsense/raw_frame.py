"""What the SDK delivers, copied out of its buffers."""

import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

# How each colour format becomes RGB; playback delivers what was recorded, whatever was asked for.
_TO_RGB: dict[str, int | None] = {
    "rgb8": None,
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "yuyv": cv2.COLOR_YUV2RGB_YUYV,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "y8": cv2.COLOR_GRAY2RGB,
}


@dataclass(frozen=True)
class RawFrame:
    """Stored depth values, and RGB of the colour camera if it has an image of the same time."""

    number: int  # the device's count of depth images
    timestamp_s: float
    clock: str  # the SDK's time-stamp domain: global_time, hardware_clock, system_time
    arrival_s: float  # monotonic, of this machine
    depth: UInt16[np.ndarray, "h w"]
    color: UInt8[np.ndarray, "a b 3"] | None = None


@dataclass(frozen=True)
class RawColor:
    """RGB of the colour camera."""

    timestamp_s: float
    clock: str
    pixels: UInt8[np.ndarray, "a b 3"]


@dataclass(frozen=True)
class Delivery:
    """What came at once."""

    depth: RawFrame | None
    color: RawColor | None


def copy_frames(frames: Any) -> Delivery:
    """Copy a frameset, so that its buffers go back to the SDK at once: it stops when it has none
    left.
    """
    depth, color = frames.get_depth_frame(), frames.get_color_frame()
    pixels = _rgb(color) if color else None
    return Delivery(
        None if not depth else _raw_frame(depth),
        None
        if pixels is None
        else RawColor(color.timestamp / 1e3, color.frame_timestamp_domain.name, pixels),
    )


def _raw_frame(depth: Any) -> RawFrame:
    return RawFrame(
        number=depth.frame_number,
        timestamp_s=depth.timestamp / 1e3,
        clock=depth.frame_timestamp_domain.name,
        arrival_s=time.monotonic(),
        depth=np.array(np.asanyarray(depth.get_data()), dtype=np.uint16),
    )


def _rgb(color: Any) -> UInt8[np.ndarray, "a b 3"] | None:
    format_ = color.profile.format().name
    if format_ not in _TO_RGB:
        return None
    pixels = np.asanyarray(color.get_data())
    conversion = _TO_RGB[format_]
    if conversion is None:
        return np.array(pixels, dtype=np.uint8)
    if format_ in ("yuyv", "uyvy"):
        pixels = pixels.view(np.uint8).reshape(color.get_height(), color.get_width(), 2)
    return cv2.cvtColor(pixels, conversion)
