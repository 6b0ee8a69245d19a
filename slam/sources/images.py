"""Reading image files whole, or not at all: what is damaged is a `BadFrameError`."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from slam.errors import BadFrameError
from slam.sources.video import Video

_LFS = b"version https://git-lfs"
_EXR = b"\x76\x2f\x31\x01"  # how its files begin


@dataclass(frozen=True)
class VideoFrame:
    """A colour image that is a frame of a video."""

    video: Video
    number: int  # from 0


ColorImage = Path | VideoFrame


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
    if not data:
        raise BadFrameError(f"{path} is empty (0 bytes)")
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise BadFrameError(f"{path} cannot be decoded: {' '.join(str(error).split())}") from error
    if image is None and data.startswith(_EXR):
        return _read_exr(path)
    if image is None:
        raise BadFrameError(f"{path} is {_what(data)}")
    return image


def _what(data: bytes) -> str:
    """Tell what a file is that is no image."""
    start = data[:64].lstrip().lower()
    if start.startswith(_LFS):
        return "a placeholder of Git LFS, not the image itself: git lfs pull fetches it"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, not an image: its download went wrong"
    return f"truncated, corrupt or no image ({len(data)} bytes)"


def _read_exr(path: Path) -> Float32[np.ndarray, "..."]:
    """Read the first channel, or red, green and blue together: OpenCV's wheels cannot."""
    try:
        import OpenEXR
    except ImportError as error:
        raise BadFrameError(
            f"{path} is EXR, which the package OpenEXR reads: pip install 'twinmap[exr]'"
        ) from error
    try:
        with OpenEXR.File(str(path)) as file:
            return next(iter(file.channels().values())).pixels.astype(np.float32)
    except (RuntimeError, ValueError, StopIteration) as error:
        raise BadFrameError(f"{path} is truncated or corrupt: {error}") from error


def read_color(image: ColorImage) -> UInt8[np.ndarray, "h w 3"]:
    """Read a colour image as RGB, as stored (EXIF orientation would turn it against the depth)."""
    if isinstance(image, VideoFrame):
        bgr = image.video.read(image.number)
    else:
        bgr = read_image(image, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=bgr)


def image_size(image: ColorImage) -> tuple[int, int]:
    """Return width and height of an image as it is stored."""
    if isinstance(image, VideoFrame):
        height, width = image.video.read(image.number).shape[:2]
    else:
        height, width = read_image(image, cv2.IMREAD_UNCHANGED).shape[:2]
    return width, height
