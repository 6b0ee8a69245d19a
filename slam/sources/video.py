"""Colour images that are the frames of a video."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.errors import BadFrameError, SlamError

_NEAR = 60  # frames ahead that are decoded on the way: a jump starts at a key frame before


class Video:
    """A video with random access, which is fast in order. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SlamError(f"{path} is no video that OpenCV can read")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # depth is not turned either
        self.num_frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._next = 0

    def read(self, number: int) -> UInt8[np.ndarray, "h w 3"]:
        """Return a frame (BGR)."""
        if not self._next <= number < self._next + _NEAR:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            self._next = number
        while self._next < number and self._capture.grab():
            self._next += 1
        is_read, image = self._capture.read()
        if not is_read or self._next != number:
            raise BadFrameError(f"{self._path} has no frame {number}")
        self._next += 1
        return image
