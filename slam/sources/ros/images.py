"""Images of ROS messages: depth as stored, colour as RGB."""

import struct
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.errors import BadFrameError
from slam.sources.container import decoded
from slam.sources.rvl import RVL_SIZE, decode_rvl

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
DEPTH_ENCODINGS = {"16UC1": np.uint16, "mono16": np.uint16, "z16": np.uint16, "32FC1": np.float32}
# numbers of channels, and how they become RGB
COLOR_ENCODINGS: dict[str, tuple[int, int | None]] = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "8UC3": (3, cv2.COLOR_BGR2RGB),
    "8UC4": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC1": (1, cv2.COLOR_GRAY2RGB),
    "yuv422": (2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2RGB_YUYV),
    "yuyv": (2, cv2.COLOR_YUV2RGB_YUYV),
    # OpenCV names a Bayer pattern by its second row and column
    "bayer_rggb8": (1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": (1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": (1, cv2.COLOR_BayerGB2RGB),
}
_DEPTH_HEADER = struct.Struct("<iff")  # of compressed_depth_image_transport: format, quantisation


def kind_of(msgtype: str, message: Any) -> Literal["depth", "color", "other"]:
    """Tell what an image shows, by its encoding."""
    text = message.encoding if msgtype == IMAGE else message.format
    if "compressedDepth" in text or text.split(";")[0].strip() in DEPTH_ENCODINGS:
        return "depth"
    if msgtype == COMPRESSED or text in COLOR_ENCODINGS:
        return "color"
    return "other"


def is_gray(msgtype: str, message: Any) -> bool:
    """Tell whether a colour image has none."""
    text = message.encoding if msgtype == IMAGE else message.format.split(";")[0]
    return text.strip() in ("mono8", "8UC1")


def size_of(msgtype: str, message: Any) -> tuple[int, int]:
    """Return height and width."""
    if msgtype == IMAGE:
        return int(message.height), int(message.width)
    if kind_of(msgtype, message) == "depth":
        image, _ = stored_depth(msgtype, message)
    else:
        image = color_of(msgtype, message)
    return image.shape[0], image.shape[1]


def stored_depth(msgtype: str, message: Any) -> tuple[np.ndarray, float]:
    """Return depth as stored, (h, w), and the stored value of one metre: integers are millimetres,
    floats metres.
    """
    if msgtype == IMAGE:
        dtype = np.dtype(DEPTH_ENCODINGS[message.encoding])
        image = _rows(message, dtype.newbyteorder(">" if message.is_bigendian else "<"), 1)
        image = image[..., 0].astype(dtype)
    elif "compressedDepth" in message.format:
        image = _compressed_depth(bytes(message.data), message.format)
    else:
        image = decoded(bytes(message.data), cv2.IMREAD_UNCHANGED, "a depth image")
    if image.ndim != 2 or image.dtype.kind not in "uf" or image.dtype.itemsize < 2:
        raise BadFrameError(f"a depth image holds {image.dtype} {image.shape}")
    return image, 1.0 if image.dtype.kind == "f" else 1000.0


def _compressed_depth(data: bytes, format_: str) -> np.ndarray:
    """Unpack a header and a PNG, or RVL. Floats are stored as the 16-bit quotient of inverse depth:
    z = a / (value - b), 0 where missing.
    """
    if len(data) <= _DEPTH_HEADER.size + RVL_SIZE.size:
        raise BadFrameError(f"a compressed depth image has {len(data)} bytes")
    _, a, b = _DEPTH_HEADER.unpack_from(data)
    data = data[_DEPTH_HEADER.size :]
    if "rvl" in format_.lower():
        image = decode_rvl(data)
    else:
        image = decoded(data, cv2.IMREAD_UNCHANGED, "a compressed depth image")
    if not format_.startswith("32FC1"):
        return image
    value = image.astype(np.float32)
    return np.where(image > 0, np.float32(a) / np.maximum(value - np.float32(b), 1e-6), 0.0).astype(
        np.float32
    )


def color_of(msgtype: str, message: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Return RGB."""
    if msgtype == COMPRESSED:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = decoded(bytes(message.data), flags, "a compressed image")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if message.encoding not in COLOR_ENCODINGS:
        raise BadFrameError(f"colour encoding {message.encoding} is not read")
    num_channels, conversion = COLOR_ENCODINGS[message.encoding]
    image = _rows(message, np.dtype(np.uint8), num_channels)
    if conversion is None:
        return np.ascontiguousarray(image)
    return cv2.cvtColor(np.ascontiguousarray(image), conversion)


def _rows(message: Any, dtype: np.dtype, num_channels: int) -> np.ndarray:
    """Return the pixels (h, w, channels) of an image whose rows may be padded."""
    h, w = int(message.height), int(message.width)
    row_bytes, step = w * num_channels * dtype.itemsize, int(message.step)
    data = np.frombuffer(message.data, np.uint8)
    if step < row_bytes or len(data) < h * step:
        raise BadFrameError(
            f"an image of {w}x{h} {message.encoding} has {len(data)} bytes in rows of {step}"
        )
    rows = data[: h * step].reshape(h, step)[:, :row_bytes]
    return np.ascontiguousarray(rows).view(dtype).reshape(h, w, num_channels)
