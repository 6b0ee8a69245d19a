"""What moves: readings in space that a view of the last seconds saw through.

A map averages, and a grid that remembers free space is as coarse as its cells. The depth images of
the last seconds say it directly: where one of them shows surface well behind a reading, nothing was
there then, so that what is there now has come. Such readings are neither aligned with the map nor
fused into it. What comes to rest is taken for part of the room when the last view of the space that
it fills is forgotten. (After the visibility test of Schmid et al. 2023, Dynablox, on images.)
"""

import dataclasses
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64

from kernels.views import seen_through
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.motion import ConstantVelocity

LATTICE = 8  # pixels between the readings that are tested; a hit covers its neighbours too
MAX_VIEWS = 20
VIEW_EVERY_S = 0.5  # so that the views span ten seconds
MARGIN_M = 0.04  # beside the noise: poses are predicted, and the lattice is coarse
MARGIN_SIGMAS = 4.0
MIN_CLUSTER = 3  # hits among a reading's nine neighbours; fewer are outliers or an edge


class _Views(NamedTuple):
    """The last k views: the nearest depth in each cell of a lattice and the cells about it; 0 where
    none is.
    """

    Ts_camera_world: Float64[np.ndarray, "k 4 4"]
    cell_intrinsics: Float32[np.ndarray, "k 4"]
    nearest_m: Float32[np.ndarray, "k r c"]


class Movers:
    """Leaves out of frames what has come lately."""

    def __init__(self) -> None:
        self._views: _Views | None = None
        self._last_view_s = -np.inf
        self._motion = ConstantVelocity()
        self._whole: Frame | None = None

    def left_out(self, frame: Frame) -> Frame:
        """Return the frame without the readings that lie where a view saw through, going by the
        motion so far.
        """
        self._whole = frame
        T_predicted = self._motion.predict(frame.timestamp_s)
        if T_predicted is None or self._views is None:
            return frame
        is_mover = _clustered(_hits(frame, T_predicted, self._views))
        if not is_mover.any():
            return frame
        is_mover = _pixels(is_mover, *frame.depth_m.shape)
        return dataclasses.replace(frame, depth_m=np.where(is_mover, np.float32(0), frame.depth_m))

    def remember(self, result: TrackResult) -> None:
        """Take in the pose of the frame; keep what it saw, with all that moves in it, if the pose
        is sure and the last view old enough.
        """
        frame = self._whole
        assert frame is not None
        if result.state is TrackState.LOST:
            self._motion.forget_velocity()
            return
        self._motion.observe(frame.timestamp_s, result.T_world_camera)
        is_due = frame.timestamp_s - self._last_view_s >= VIEW_EVERY_S
        if is_due and result.state is TrackState.OK:
            self._last_view_s = frame.timestamp_s
            cells = frame.camera.intrinsics + np.array([0, 0, 0.5, 0.5], np.float32)
            one = _Views(
                inverse(result.T_world_camera)[None],
                (cells / np.float32(LATTICE))[None],
                nearest_depth(frame.depth_m)[None],
            )
            views = self._views
            if views is not None:
                one = _Views(*map(np.concatenate, zip(views, one, strict=True)))
            self._views = _Views(*(part[-MAX_VIEWS:] for part in one))

    def moved(self, T_new_old: Transform) -> None:
        """Go on in a world that was moved."""
        self._motion.moved(T_new_old)
        if self._views is not None:
            Ts = self._views.Ts_camera_world @ inverse(T_new_old)
            self._views = self._views._replace(Ts_camera_world=Ts)


class NothingMoves:
    """Leaves everything in."""

    def left_out(self, frame: Frame) -> Frame:
        """Return the frame as it is."""
        return frame

    def remember(self, result: TrackResult) -> None:
        """Take in nothing."""

    def moved(self, T_new_old: Transform) -> None:
        """Do nothing."""


def _hits(frame: Frame, T_world_camera: Transform, views: _Views) -> Bool[np.ndarray, "r c"]:
    """Tell which readings of the lattice a view saw through."""
    h, w = frame.depth_m.shape
    v, u = np.mgrid[LATTICE // 2 : h : LATTICE, LATTICE // 2 : w : LATTICE].astype(np.int32)
    z = frame.depth_m[v, u]
    points = frame.camera.unproject(u, v, z).reshape(-1, 3)
    margin_m = MARGIN_M + MARGIN_SIGMAS * frame.depth_noise.sigma_m(points[:, 2])
    is_hit = seen_through(
        points,
        margin_m.astype(np.float32),
        (views.Ts_camera_world @ T_world_camera).astype(np.float32),
        views.cell_intrinsics,
        views.nearest_m,
    )
    return is_hit.reshape(z.shape) & (z > 0)


def nearest_depth(depth_m: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "r c"]:
    """Return the nearest reading of each LATTICE x LATTICE pixels and the squares about it."""
    h, w = (size // LATTICE * LATTICE for size in depth_m.shape)
    filled = np.where(depth_m[:h, :w] > 0, depth_m[:h, :w], np.float32(np.inf))
    cells = filled.reshape(h // LATTICE, LATTICE, w // LATTICE, LATTICE).min(axis=(1, 3))
    own = np.isfinite(cells)
    cells = cv2.erode(cells, np.ones((3, 3), np.uint8), borderValue=float("inf"))
    return np.where(own & np.isfinite(cells), cells, np.float32(0))


def _clustered(is_hit: Bool[np.ndarray, "r c"]) -> Bool[np.ndarray, "r c"]:
    """Return the hits that are not alone, and the squares about them."""
    hits = is_hit.astype(np.uint8)
    square = np.ones((3, 3), np.uint8)
    around = cv2.filter2D(hits, -1, square, borderType=cv2.BORDER_CONSTANT)
    return cv2.dilate(hits & (around >= MIN_CLUSTER), square).astype(bool)


def _pixels(is_mover: Bool[np.ndarray, "r c"], height: int, width: int) -> Bool[np.ndarray, "h w"]:
    """Return the pixels of the lattice's cells."""
    pixels = np.repeat(np.repeat(is_mover, LATTICE, axis=0), LATTICE, axis=1)
    missing = max(height - pixels.shape[0], 0), max(width - pixels.shape[1], 0)
    return np.pad(pixels, ((0, missing[0]), (0, missing[1])))[:height, :width]
