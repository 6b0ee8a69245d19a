"""What is recognised of a frame: corners with binary descriptors, words, and places in space."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8, UInt64

from slam.frame import Frame
from slam.places.vocabulary import Vocabulary

NUM_CORNERS = 1000
NUM_LEVELS = 8  # of the image pyramid
MAX_WIDTH_PX = 800  # larger images are halved: corners cost by the pixel


@dataclass(frozen=True)
class Features:
    """Corners of one frame that have depth, in the camera frame."""

    points: Float32[np.ndarray, "n 3"]
    descriptors: UInt64[np.ndarray, "n 4"]
    words: Int32[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.points.nbytes + self.descriptors.nbytes + self.words.nbytes


def describe(
    color: UInt8[np.ndarray, "h w 3"],
) -> tuple[Float32[np.ndarray, "n 2"], UInt64[np.ndarray, "n 4"]]:
    """Return the pixels (u, v) of an image's ORB corners (Rublee et al. 2011), and descriptors."""
    gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    scale = 1.0
    while gray.shape[1] > MAX_WIDTH_PX:
        size = (gray.shape[1] // 2, gray.shape[0] // 2)
        gray, scale = cv2.resize(gray, size, interpolation=cv2.INTER_AREA), 2.0 * scale
    orb = cv2.ORB.create(NUM_CORNERS, nlevels=NUM_LEVELS)  # no object: it is not for two threads
    corners, descriptors = orb.detectAndCompute(gray, None)
    if descriptors is None:
        return np.empty((0, 2), np.float32), np.empty((0, 4), np.uint64)
    pixels = (np.asarray(cv2.KeyPoint.convert(corners)) + np.float32(0.5)) * scale - np.float32(0.5)
    return pixels.astype(np.float32), np.ascontiguousarray(descriptors).view(np.uint64)


def extract(frame: Frame, vocabulary: Vocabulary) -> Features | None:
    """Find a frame's features; None without colour."""
    if frame.color is None:
        return None
    pixels, descriptors = describe(frame.color)
    u, v = np.rint(pixels).astype(np.int64).T
    z = frame.depth_m[v, u]
    has_depth = z > 0
    pixels, z = pixels[has_depth], z[has_depth]
    camera = frame.camera
    x = (pixels[:, 0] - np.float32(camera.cx)) / np.float32(camera.fx) * z
    y = (pixels[:, 1] - np.float32(camera.cy)) / np.float32(camera.fy) * z
    descriptors = np.ascontiguousarray(descriptors[has_depth])
    points = np.stack([x, y, z], axis=1).astype(np.float32)
    return Features(points, descriptors, vocabulary.words_of(descriptors))
