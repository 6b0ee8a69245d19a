"""What is kept of the frames of a run, so that parts of its map can be fused again."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import floor

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import Transform, is_elsewhere
from slam.graph.track import NODE_M, NODE_RAD
from slam.maps.base import View

WIDTH_PX = 320  # of what is kept: at 3 m its pixels are a centimetre apart
DEPTH_STEP_M = 0.00025  # up to 16 m
MOST_BYTES = 200_000_000
Cell = tuple[int, int, int]
FASTEST = 1  # level of zlib
_COLOR_OPTIONS = [cv2.IMWRITE_JPEG_QUALITY, 95]


@dataclass(frozen=True)
class StoredFrame:
    """A frame's depth and colour at some of its pixels, in 60 to 100 kB."""

    index: int
    timestamp_s: float
    camera: Camera
    depth: bytes  # see `_packed`
    color: UInt8[np.ndarray, "c"] | None  # a JPEG
    color_mask: UInt8[np.ndarray, "m"] | None  # a PNG
    depth_noise: DepthNoise

    @classmethod
    def of(cls, frame: Frame) -> "StoredFrame":
        """Keep every n-th pixel of a frame, whose readings are not averaged: at an edge there would
        be some in between.
        """
        step = max(1, round(frame.camera.width / WIDTH_PX))
        color, mask = frame.color, frame.color_mask
        return cls(
            frame.index,
            frame.timestamp_s,
            _thinned(frame.camera, step),
            _packed(_in_steps(frame.depth_m[::step, ::step])),
            None if color is None else _jpeg(color[::step, ::step]),
            None if mask is None else _png(mask[::step, ::step].astype(np.uint8)),
            frame.depth_noise,
        )

    def frame(self) -> Frame:
        """Return the smaller frame."""
        depth_m = _unpacked(self.depth, self.camera).astype(np.float32) * np.float32(DEPTH_STEP_M)
        bgr = None if self.color is None else _decoded(self.color)
        return Frame(
            self.index,
            self.timestamp_s,
            self.camera,
            depth_m,
            None if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB),
            self.depth_noise,
            color_mask=None if self.color_mask is None else _decoded(self.color_mask) > 0,
        )

    @property
    def nbytes(self) -> int:
        """Bytes of its images."""
        images = (self.color, self.color_mask)
        return len(self.depth) + sum(image.nbytes for image in images if image is not None)


@dataclass
class StoredFrames:
    """Frames by the number of their node: one of each place, so that a second lap takes no more
    memory, and once they take too much of every second node only, every fourth, and so on.
    """

    most_bytes: int = MOST_BYTES
    by_node: dict[int, StoredFrame] = field(default_factory=dict)
    _by_cell: dict[Cell, list[int]] = field(default_factory=dict)  # nodes, by where they are
    _every: int = 1
    _nbytes: int = 0

    def keep(self, node: int, frame: Frame, Ts_world_node: Sequence[Transform]) -> None:
        """Keep the frame of a node, which comes after all others, unless one was taken there."""
        if node % self._every or self._is_covered(Ts_world_node[node], Ts_world_node):
            return
        stored = StoredFrame.of(frame)
        self.by_node[node] = stored
        self._by_cell.setdefault(_cell_of(Ts_world_node[node]), []).append(node)
        self._nbytes += stored.nbytes
        while self._nbytes > self.most_bytes and len(self.by_node) > 1:
            self._every *= 2
            for left_out in [node for node in self.by_node if node % self._every]:
                self._nbytes -= self.by_node.pop(left_out).nbytes
            self.place(Ts_world_node)

    def place(self, Ts_world_node: Sequence[Transform]) -> None:
        """Take note of where the graph has all nodes by now."""
        self._by_cell.clear()
        for node in self.by_node:
            self._by_cell.setdefault(_cell_of(Ts_world_node[node]), []).append(node)

    def _is_covered(self, T_world_camera: Transform, Ts_world_node: Sequence[Transform]) -> bool:
        x, y, z = _cell_of(T_world_camera)
        cells = ((x + i, y + j, z + k) for i, j, k in product((-1, 0, 1), repeat=3))
        beside = (Ts_world_node[node] for cell in cells for node in self._by_cell.get(cell, ()))
        return not all(is_elsewhere(T, T_world_camera, NODE_M, NODE_RAD) for T in beside)

    def views(self, Ts_world_node: Sequence[Transform]) -> list[View]:
        """Return the frames with the poses of their nodes."""
        stored = self.by_node.items()
        return [View(frame.camera, Ts_world_node[node], frame.frame) for node, frame in stored]


def _cell_of(T_world_camera: Transform) -> Cell:
    """Return the cell of space that a camera is in; what is within NODE_M is in one beside it."""
    x, y, z = T_world_camera[:3, 3].tolist()
    return floor(x / NODE_M), floor(y / NODE_M), floor(z / NODE_M)


def _thinned(camera: Camera, step: int) -> Camera:
    """Return the camera of every n-th pixel, from the first one on."""
    size = -(-camera.width // step), -(-camera.height // step)
    return Camera(*size, *(value / step for value in (camera.fx, camera.fy, camera.cx, camera.cy)))


def _in_steps(depth_m: Float32[np.ndarray, "h w"]) -> UInt16[np.ndarray, "h w"]:
    steps = np.rint(depth_m / np.float32(DEPTH_STEP_M))
    return np.where(steps <= np.iinfo(np.uint16).max, steps, 0).astype(np.uint16)


def _packed(steps: UInt16[np.ndarray, "h w"]) -> bytes:
    """Compress differences along rows: as small as a PNG, in half the time."""
    differences = steps.copy()
    differences[:, 1:] -= steps[:, :-1]
    return zlib.compress(differences.tobytes(), FASTEST)


def _unpacked(data: bytes, camera: Camera) -> UInt16[np.ndarray, "h w"]:
    differences = np.frombuffer(zlib.decompress(data), np.uint16)
    rows = differences.reshape(camera.height, camera.width)
    return np.cumsum(rows, axis=1, dtype=np.uint16)


def _png(image: np.ndarray) -> np.ndarray:
    return cv2.imencode(".png", np.ascontiguousarray(image))[1].ravel()


def _jpeg(rgb: np.ndarray) -> np.ndarray:
    bgr = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, _COLOR_OPTIONS)[1].ravel()


def _decoded(data: np.ndarray) -> np.ndarray:
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image
