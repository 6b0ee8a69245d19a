"""What moves: readings in space that was seen to be free.

A middle-sized grid remembers for a few keyframes which space is free. A reading well inside of it
is something that moved there, or an outlier, unless the map already knows a surface there. Such
readings are left out, pixel by pixel. NICE-SLAM drops rays by the size of their error instead, and
so cannot tell a mover from a surface that it has not learned yet. What comes to rest is mapped as
soon as the memory of free space has faded.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from slam.frame import Frame
from slam.geometry import Transform, inverse, transform_points
from slam.maps.base import SdfSamples

SPACING_M = 0.12
TRUNCATION_M = 0.24
FREE_M = 0.16  # from any surface: such readings are in the open
MEMORY = 12.0  # keyframes: two seconds until what has come to rest is mapped
LATTICE = 8  # pixels between the readings that are tested; a hit covers its neighbours too
MAX_BLOCKS = 1 << 14
ALONG_RAY = np.arange(0.0, 1.01, 1.0 / 12.0, dtype=np.float32)
NOISE = np.array([0.05, 0.0, 0.0], np.float32)  # all readings weigh the same here


class FreeSpace:
    """Remembers free space and finds the readings that contradict it."""

    def __init__(self) -> None:
        self._index = block_ops.new_index(MAX_BLOCKS)
        self._blocks = tsdf_ops.new_blocks(MAX_BLOCKS)
        self._unit_m = TRUNCATION_M / 32000.0
        self._dither = np.full(1024, 0.5, np.float32)

    def remember(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a keyframe, with all that moves in it."""
        h, w = frame.depth_m.shape
        z, rays = _lattice(frame, 2 * LATTICE)
        reach_m = z + np.float32(TRUNCATION_M)
        points = (rays[:, None] * (reach_m[:, None] * ALONG_RAY)[..., None]).reshape(-1, 3)
        points = transform_points(T_world_camera, points)
        coords = np.floor(points * np.float32(1.0 / (8 * SPACING_M))).astype(np.int32)
        block_ops.insert_blocks(self._index, coords)  # beyond the capacity nothing is remembered
        is_met = np.zeros(MAX_BLOCKS + 1, dtype=bool)
        is_met[block_ops.find_blocks(self._index, coords)] = True  # -1, no block, is the last
        tsdf_ops.integrate(
            self._index, self._blocks, np.flatnonzero(is_met[:-1]).astype(np.int32),
            np.append(frame.depth_m.ravel(), np.float32(0)), _facing((h // 4, w // 4)),
            np.empty(0, np.uint32), (h, w), frame.camera.intrinsics,
            inverse(T_world_camera).astype(np.float32), SPACING_M, self._unit_m, NOISE,
            (TRUNCATION_M, TRUNCATION_M), MEMORY, self._dither,
        )  # fmt: skip

    def contradicted(
        self,
        frame: Frame,
        T_world_camera: Transform,
        query: Callable[[Float32[np.ndarray, "n 3"]], SdfSamples],
    ) -> Bool[np.ndarray, "h w"]:
        """Tell which readings lie in free space, where the map has no surface by `query` either."""
        h, w = frame.depth_m.shape
        z, rays = _lattice(frame, LATTICE)
        points = (rays * z[:, None]) @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
        points = np.ascontiguousarray(points, dtype=np.float32)
        sdf_m, _, is_remembered = tsdf_ops.query(
            self._index, self._blocks, points, SPACING_M, self._unit_m
        )
        is_free = (z > 0) & is_remembered & (sdf_m > FREE_M)
        suspects = np.flatnonzero(is_free)
        if not len(suspects):
            return np.zeros((h, w), dtype=bool)
        samples = query(points[suspects])
        is_surface = samples.is_valid & (np.abs(samples.sdf_m) < 0.5 * SPACING_M)
        is_free[suspects[is_surface]] = False
        small = is_free.reshape(len(range(LATTICE // 2, h, LATTICE)), -1).astype(np.uint8)
        small = cv2.dilate(small, np.ones((3, 3), np.uint8))
        mask = np.repeat(np.repeat(small, LATTICE, axis=0), LATTICE, axis=1)
        full = np.zeros((h, w), dtype=bool)
        full[: mask.shape[0], : mask.shape[1]] = mask[:h, :w]
        return full


@lru_cache(maxsize=1)
def _facing(size: tuple[int, int]) -> Float32[np.ndarray, "h w 3"]:
    """Return normals that look at the camera: so coarse a grid needs no better ones."""
    return np.tile(np.array([0, 0, 1], np.float32), (*size, 1))


def _lattice(
    frame: Frame, step: int
) -> tuple[Float32[np.ndarray, "n"], Float32[np.ndarray, "n 3"]]:
    """Return depth and ray (1 long in z, camera frame) of every `step`-th pixel."""
    camera = frame.camera
    v, u = np.mgrid[step // 2 : camera.height : step, step // 2 : camera.width : step]
    rays = np.stack(
        [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], -1
    )
    return frame.depth_m[v, u].ravel(), rays.reshape(-1, 3).astype(np.float32)
