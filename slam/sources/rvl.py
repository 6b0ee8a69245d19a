"""RVL, a lossless code for 16-bit depth images (Wilson 2017, "Fast Lossless Depth Image
Compression").

Runs of missing and of known pixels take turns; a known pixel is stored as the difference from the
known one before. All numbers are written with three bits in each half byte, the lowest first, and
a fourth bit that says that there are more; eight half bytes fill a word from its highest bits on.
Those who store it put the image's size before it.
"""

import struct

import numpy as np
from jaxtyping import Int64, UInt16

from slam.errors import BadFrameError

RVL_SIZE = struct.Struct("<II")  # width, height
_MOST_PIXELS = 1 << 26
_MOST_DIGITS = 12  # of three bits, in a number that an image can hold


def decode_rvl(data: bytes) -> UInt16[np.ndarray, "h w"]:
    """Return an image whose size stands first; `BadFrameError` where the data ends early."""
    if len(data) < RVL_SIZE.size:
        raise BadFrameError(f"depth packed by RVL has {len(data)} bytes")
    width, height = RVL_SIZE.unpack_from(data)
    numbers = _numbers(data[RVL_SIZE.size :])
    counts = numbers.tolist()
    num_pixels = width * height
    if not 0 < num_pixels <= _MOST_PIXELS:
        raise BadFrameError(f"depth packed by RVL claims to have {width}x{height} pixels")
    steps, places = [], []
    at = pixel = 0
    while pixel < num_pixels:
        if at + 2 > len(counts):
            raise BadFrameError(f"depth packed by RVL ends after {pixel} of {num_pixels} pixels")
        num_missing, num_known = counts[at : at + 2]
        first, pixel = pixel + num_missing, pixel + num_missing + num_known
        steps.append(numbers[at + 2 : at + 2 + num_known])
        places.append(np.arange(first, pixel))
        at += 2 + num_known
        if pixel > num_pixels or at > len(counts):
            raise BadFrameError(f"depth packed by RVL does not fit {width}x{height} pixels")
    step = np.concatenate(steps)
    depth = np.zeros(num_pixels, np.uint16)
    # even numbers are steps up, odd ones down
    depth[np.concatenate(places)] = np.cumsum((step >> 1) ^ -(step & 1)).astype(np.uint16)
    return depth.reshape(height, width)


def _numbers(data: bytes) -> Int64[np.ndarray, "n"]:
    """Return all numbers that are written in the data."""
    words = np.frombuffer(data, "<u4", count=len(data) // 4)
    digits = ((words[:, None] >> np.arange(28, -4, -4, dtype=np.uint32)) & 15).ravel()
    last = np.flatnonzero(digits < 8)
    if not len(last):
        return np.zeros(0, np.int64)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(last[-1] + 1) - np.repeat(first, last - first + 1)
    values = (digits[: len(place)] & 7).astype(np.int64) << 3 * np.minimum(place, _MOST_DIGITS)
    return np.add.reduceat(values, first)
