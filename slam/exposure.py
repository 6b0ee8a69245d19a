"""Exposure: a camera that sets its own shows one surface brighter or darker from frame to frame."""

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Shaped, UInt8

from slam.camera import Camera

ACROSS = 40  # pixels in a row of an image that are compared
AVERAGED = 4  # pixels, either way, of which one is compared: about a voxel
MIN_COMPARED = 100  # with fewer a frame has the gain of the one before
DARKEST, BRIGHTEST = 8, 250  # what is compared; beyond, noise and saturation decide
LOG_SCALE = 0.1  # of the robust weight of a ratio
NUM_ROUNDS = 5

Gain = Float64[np.ndarray, "3"]  # red, green, blue: what a map's colours are multiplied by


def color_gain(shown: UInt8[np.ndarray, "n 3"], seen: UInt8[np.ndarray, "n 3"]) -> Gain | None:
    """Return by how much colours as seen are brighter than as a map shows them: the robust mean
    ratio, for each channel (Cauchy's weights); None where there is too little to compare.
    """
    low, high = np.minimum(shown, seen), np.maximum(shown, seen)
    is_told = (low >= DARKEST) & (high <= BRIGHTEST)
    if is_told.sum(axis=0).min() < MIN_COMPARED:
        return None
    ratio = np.log(np.maximum(seen, np.uint8(1)) / np.maximum(shown, np.uint8(1)).astype(float))
    mean = (is_told * ratio).sum(axis=0) / is_told.sum(axis=0)
    for _ in range(NUM_ROUNDS):
        weight = is_told / (1.0 + ((ratio - mean) / LOG_SCALE) ** 2)
        mean = (weight * ratio).sum(axis=0) / weight.sum(axis=0)
    return np.exp(mean)


def sparse_colors(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "a b 3"]:
    """Return pixels of an image, about ACROSS in a row, each the mean of those round it."""
    height, width = (size // AVERAGED * AVERAGED for size in image.shape[:2])
    first, stride = _grid(width)
    total: np.ndarray = np.array(AVERAGED**2 // 2, np.uint16)  # half a level, to round
    for down, right in np.ndindex(AVERAGED, AVERAGED):
        row, column = first - AVERAGED // 2 + down, first - AVERAGED // 2 + right
        total = total + image[row:height:stride, column:width:stride]
    return (total // np.uint16(AVERAGED**2)).astype(np.uint8)


def sparse_pixels(image: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "a b"]:
    """Return the depth, or any other image, at the pixels that `sparse_colors` returns."""
    height, width = image.shape
    first, stride = _grid(width)
    rows, columns = height // AVERAGED * AVERAGED, width // AVERAGED * AVERAGED
    return image[first:rows:stride, first:columns:stride]


def _grid(width: int) -> tuple[int, int]:
    """Return the first row or column that is compared, and the stride to the next."""
    step = max(1, width // (AVERAGED * ACROSS))
    return AVERAGED * (step // 2) + AVERAGED // 2, AVERAGED * step


def exposed(color: UInt8[np.ndarray, "*size 3"], gain: Gain) -> UInt8[np.ndarray, "*size 3"]:
    """Return colours multiplied by a gain for each channel."""
    if not color.size:
        return color
    rows = color.reshape(-1, color.shape[-2], 3)
    return cv2.transform(rows, np.diag(gain).astype(np.float32)).reshape(color.shape)


def sparse_points(
    camera: Camera, depth_m: Float32[np.ndarray, "a b"]
) -> Float64[np.ndarray, "a b 3"]:
    """Return the points of sparse depth in the camera's axes."""
    first, stride = _grid(camera.width)
    v, u = np.indices(depth_m.shape) * stride + first
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.stack([x * depth_m, y * depth_m, depth_m], axis=-1)
