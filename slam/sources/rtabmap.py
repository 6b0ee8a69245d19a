"""RTAB-Map's database (`.db`), a file of SQLite: of each node its time, its pose, its images and
their camera.

Depth belongs to the rectified colour image, and may have fewer pixels. It is in millimetres (PNG of
16 bits, or RVL), or in metres (floats, whose bytes are stored as the channels of a PNG).
"""

import logging
import sqlite3
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError, SlamError
from slam.geometry import Transform
from slam.sources.container import Contents, decoded, one_view, stamps_of
from slam.sources.intrinsics import checked
from slam.sources.poses import pose_of, trajectory_from
from slam.sources.rvl import decode_rvl

logger = logging.getLogger(__name__)
MILLIMETRES = 1000.0
_NODES = """SELECT Node.id, stamp, pose, ground_truth_pose, calibration FROM Node
    JOIN Data ON Data.id = Node.id WHERE LENGTH(depth) > 4 ORDER BY stamp, Node.id"""
_RVL = b"DEPTHRVL"
# version (3), kind, width, height, and how many numbers of K, D, R, P and the transform follow
_MODEL = struct.Struct("<11i")
_MONO, _STEREO = 0, 1
_OLD_BYTES = 18 * 4  # before 0.18, as floats: fx, fy, cx, cy, width, height, the transform
_POSE_BYTES = 12 * 4


class _Model(NamedTuple):
    """The camera of a node: the left one, where the images of several lie side by side."""

    intrinsics: tuple[float, float, float, float]
    size: tuple[int, int]  # width, height
    T_base_camera: Transform
    num_cameras: int


class _Node(NamedTuple):
    identity: int
    stamp_s: float
    T_world_base: Transform | None
    T_true_base: Transform | None
    model: _Model


def open_rtabmap(path: Path) -> Contents:
    """Read nodes and cameras; the images stay in the file.

    Poses are the true ones where it has any, else those that RTAB-Map has optimised or, where it
    has stored none, its odometry's.
    """
    database = _Database(path)
    rows = database.rows(_NODES)
    if not rows:
        raise SlamError(f"{path} holds no node with depth")
    nodes = [_node(row, path) for row in rows]
    nodes = [node for node in nodes if node.model.size == nodes[0].model.size]
    if len(nodes) < len(rows):
        logger.warning(
            "%s: only %d of %d nodes have the first one's camera", path, len(nodes), len(rows)
        )
    if nodes[0].model.num_cameras > 1:
        num_cameras = nodes[0].model.num_cameras
        logger.warning("%s: of %d cameras side by side the left one is read", path, num_cameras)
    images = _Images(database, nodes)
    timestamps_s = stamps_of([node.stamp_s for node in nodes], 1.0)
    return Contents(
        name=path.stem,
        rig=one_view(images, len(nodes), _camera(nodes, path), path),
        depth_scale=MILLIMETRES,
        depth_noise=DepthNoise.kinect_v1(),
        timestamps_s=timestamps_s,
        images=images,
        true_poses=trajectory_from(timestamps_s, _poses(database, nodes)),
    )


class _Database:
    """A database that is only read; by any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        uri = f"{path.absolute().as_uri()}?mode=ro"
        try:
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise SlamError(f"cannot read {path}: {error}") from error

    def rows(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise SlamError(f"{self._path} is no database of RTAB-Map: {error}") from error


class _Images:
    def __init__(self, database: _Database, nodes: list[_Node]) -> None:
        self._database, self._nodes = database, nodes

    def depth(self, index: int) -> np.ndarray:
        stored = _depth_image(self._data("depth", index), f"depth of frame {index}")
        if stored.ndim != 2 or stored.dtype == np.uint8:
            raise BadFrameError(f"depth of frame {index} is {stored.dtype} {stored.shape}")
        return self._left(stored, index)

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        data = self._data("image", index)
        if not data:
            return None
        image = decoded(data, cv2.IMREAD_COLOR, f"colour of frame {index}")
        return cv2.cvtColor(np.ascontiguousarray(self._left(image, index)), cv2.COLOR_BGR2RGB)

    def _data(self, column: str, index: int) -> bytes:
        identity = self._nodes[index].identity
        rows = self._database.rows(f"SELECT {column} FROM Data WHERE id = ?", identity)
        return (rows[0][0] or b"") if rows else b""

    def _left(self, image: np.ndarray, index: int) -> np.ndarray:
        return image[:, : image.shape[1] // self._nodes[index].model.num_cameras]


def _depth_image(data: bytes, what: str) -> np.ndarray:
    """Return millimetres."""
    if data.startswith(_RVL):
        return decode_rvl(data[len(_RVL) :])
    image = decoded(data, cv2.IMREAD_UNCHANGED, what)
    if image.ndim == 3 and image.shape[2] == 4:
        return np.ascontiguousarray(image).view("<f4")[..., 0] * np.float32(MILLIMETRES)
    return image


def _node(row: tuple[Any, ...], path: Path) -> _Node:
    identity, stamp_s, pose, true_pose, calibration = row
    try:
        model = _model(calibration or b"")
    except (struct.error, ValueError, IndexError) as error:
        raise SlamError(f"{path}: the camera of node {identity} cannot be read: {error}") from error
    return _Node(identity, stamp_s or 0.0, _pose(pose), _pose(true_pose), model)


def _model(data: bytes) -> _Model:
    """Read the first camera; what its last matrix is followed by is the next one."""
    if len(data) >= _MODEL.size and _MODEL.unpack_from(data)[3] in (_MONO, _STEREO):
        *_, kind, width, height, num_K, num_D, num_R, num_P, num_T = _MODEL.unpack_from(data)
        if kind == _STEREO:
            raise ValueError("it is a stereo pair, not colour with depth")
        num_doubles = num_K + num_D + num_R + num_P
        doubles = np.frombuffer(data, "<f8", num_doubles, _MODEL.size)
        end = _MODEL.size + 8 * num_doubles
        T = np.frombuffer(data, "<f4", num_T, end)
        num_bytes = end + 4 * num_T
        # P is of the rectified images; where there is none, they were taken so
        M = doubles[-num_P:].reshape(3, 4) if num_P else doubles[:num_K].reshape(3, 3)
        intrinsics = (M[0, 0], M[1, 1], M[0, 2], M[1, 2])
    else:
        *intrinsics, width, height = np.frombuffer(data, "<f4", 6)
        T, num_bytes = np.frombuffer(data, "<f4", 12, 24), _OLD_BYTES
    fx, fy, cx, cy = (float(value) for value in intrinsics)
    T_base_camera = pose_of(T.astype(np.float64))
    size = int(width), int(height)
    num_cameras = len(data) // num_bytes
    return _Model(
        (fx, fy, cx, cy), size, np.eye(4) if T_base_camera is None else T_base_camera, num_cameras
    )


def _camera(nodes: list[_Node], path: Path) -> Camera:
    """Return the camera of all nodes; a focus that moved is averaged out."""
    fx, fy, cx, cy = np.median([node.model.intrinsics for node in nodes], axis=0).tolist()
    return checked(Camera(*nodes[0].model.size, fx, fy, cx, cy), path)


def _pose(data: bytes | None) -> Transform | None:
    """Return a transform of 3x4 floats; None where it is missing or null."""
    if not data or len(data) != _POSE_BYTES:
        return None
    return pose_of(np.frombuffer(data, "<f4").astype(np.float64))


def _poses(database: _Database, nodes: list[_Node]) -> list[Transform | None]:
    """Return T_world_camera of each node, None where it has none."""
    Ts_world_base = [node.T_true_base for node in nodes]
    if not any(T is not None for T in Ts_world_base):
        optimised = _optimised(database)
        Ts_world_base = [
            optimised.get(node.identity) if optimised else node.T_world_base for node in nodes
        ]
    return [
        None if T is None else T @ node.model.T_base_camera
        for T, node in zip(Ts_world_base, nodes, strict=True)
    ]


def _optimised(database: _Database) -> dict[int, Transform]:
    """Return the poses of nodes after their last optimisation; none in databases that lack them."""
    try:
        ((identities, poses),) = database.rows("SELECT opt_ids, opt_poses FROM Admin")
        ids = np.frombuffer(_unpacked(identities), "<i4")
        Ts = np.frombuffer(_unpacked(poses), "<f4").reshape(len(ids), 12).astype(np.float64)
    except (SlamError, ValueError, zlib.error):
        return {}
    return {int(i): T for i, row in zip(ids, Ts, strict=True) if (T := pose_of(row)) is not None}


def _unpacked(data: bytes | None) -> bytes:
    """Unpack a matrix, whose rows, columns and type stand behind what zlib has packed."""
    return zlib.decompressobj().decompress(data or b"")
