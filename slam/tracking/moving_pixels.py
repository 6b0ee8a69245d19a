"""Which pixels belong to tiles that move."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from slam.tracking.tiles import COLUMNS, NUM_TILES, ROWS

NEAR_PART = 25  # per cent of a tile that moves: what moves hides what stands
DEEPER = 1.12  # than those: not of the same thing
SQUARE = np.ones((3, 3), np.uint8)


def moving_pixels(
    is_moving: Bool[np.ndarray, "t"], depth_m: Float32[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """Return the pixels of tiles that move, and in those beside them what is as near, for a thing
    does not end where a tile does.
    """
    h, w = depth_m.shape
    row, column = np.arange(h) * ROWS // h, np.arange(w) * COLUMNS // w
    tile = row[:, None] * COLUMNS + column
    front_m = np.zeros(NUM_TILES, np.float32)
    for t in np.flatnonzero(is_moving):
        readings_m = depth_m[tile == t]
        readings_m = readings_m[readings_m > 0]
        front_m[t] = np.percentile(readings_m, NEAR_PART) if len(readings_m) else 0.0
    far_m = cv2.dilate(front_m.reshape(ROWS, COLUMNS), SQUARE).ravel()
    front_m[front_m == 0] = np.inf
    near_m = cv2.erode(front_m.reshape(ROWS, COLUMNS), SQUARE).ravel()
    is_as_near = (depth_m > near_m[tile] / DEEPER) & (depth_m < far_m[tile] * DEEPER)
    return is_moving[tile] | is_as_near


def and_beside(tiles: Bool[np.ndarray, "t"]) -> Bool[np.ndarray, "t"]:
    """Return tiles and those beside them."""
    image = tiles.astype(np.uint8).reshape(ROWS, COLUMNS)
    return cv2.dilate(image, SQUARE).astype(bool).ravel()


def without(
    depth_m: Float32[np.ndarray, "h w"], is_left_out: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Return depth that is unknown in some pixels."""
    return np.where(is_left_out, np.float32(0), depth_m)
