"""Reading image files whole, or not at all: what is damaged is a `BadFrameError`."""

import logging
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.errors import BadFrameError

logger = logging.getLogger(__name__)


def read_image(path: Path, flags: int) -> np.ndarray:
    """Decode one image with cv2's `flags`; raise `BadFrameError` if the file is missing or damaged.

    OpenCV refuses a PNG that is truncated or fails its checksums, but its older versions fill the
    rest of a truncated JPEG with grey: the end-of-image marker must be there.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFrameError(f"cannot read {path}: {error.strerror}") from error
    if data.startswith(b"\xff\xd8") and not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise BadFrameError(f"{path} is truncated or corrupt ({len(data)} bytes)")
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise BadFrameError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from error
    if image is None:
        raise BadFrameError(f"{path} is truncated, corrupt or no image ({len(data)} bytes)")
    return image


def read_color(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a colour image as RGB, as stored (EXIF orientation would turn it against the depth)."""
    image = read_image(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def read_color_or_none(path: Path | None) -> UInt8[np.ndarray, "h w 3"] | None:
    """Read a colour image; None, with a log line, where it is damaged: depth alone still tracks."""
    if path is None:
        return None
    try:
        return read_color(path)
    except BadFrameError as error:
        logger.warning("frame without colour: %s", error)
        return None
