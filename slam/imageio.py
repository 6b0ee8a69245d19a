"""Writing image files; `slam.sources.images` reads them."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt16

FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def write_image(path: Path, image: np.ndarray, options: list[int]) -> None:
    """Write an image in OpenCV's channel order, through Python's files: `cv2.imwrite` reports no
    full disk.
    """
    _, encoded = cv2.imencode(path.suffix, np.ascontiguousarray(image), options)
    path.write_bytes(encoded.tobytes())


def depth_16_bit(depth_m: Float32[np.ndarray, "h w"], scale: float) -> UInt16[np.ndarray, "h w"]:
    """Return depth in units of 1 / scale metres; beyond what 16 bits hold it becomes missing."""
    depth = np.round(depth_m * scale)
    return np.where(depth <= np.iinfo(np.uint16).max, depth, 0).astype(np.uint16)
