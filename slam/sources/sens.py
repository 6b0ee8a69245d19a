"""ScanNet's and BundleFusion's `.sens`: a header with both cameras, then frame after frame.

Each frame holds its pose (T_world_camera of the depth camera, not finite where it was lost), the
times of colour and depth in microseconds, and both images with their sizes in bytes. The layout is
that of version 4 (ScanNet, SensReader).
"""

import logging
import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.camera import Camera, DepthNoise
from slam.errors import SlamError
from slam.geometry import Transform, inverse, orthonormalise
from slam.sources.container import Contents, File, decoded, raw_color, stamps_of, unpacked
from slam.sources.lens import Lens
from slam.sources.poses import trajectory_from
from slam.sources.rig import Rig

logger = logging.getLogger(__name__)
VERSION = 4
COLOR_RAW, COLOR_PNG, COLOR_JPEG = 0, 1, 2
DEPTH_RAW, DEPTH_ZLIB = 0, 1
_START = struct.Struct("<IQ")  # version, length of the sensor's name
_MATRICES = struct.Struct("<64f")  # intrinsics and place of the colour, then of the depth camera
_IMAGES = struct.Struct("<iiIIIIfQ")  # compressions, sizes, depth scale, number of frames
_FRAME = struct.Struct("<16fQQQQ")
_MAX_NAME = 4096
_TICKS_PER_S = 1e6


class _Header(NamedTuple):
    color_compression: int
    color_size: tuple[int, int]  # height, width
    depth_size: tuple[int, int]
    depth_scale: float
    num_frames: int
    matrices: np.ndarray  # (4, 4, 4)


class _Entry(NamedTuple):
    """Where a frame's images are."""

    offset: int
    color_bytes: int
    depth_bytes: int


def open_sens(path: Path) -> Contents:
    """Read the header and the table of frames; the images stay in the file."""
    file = File(path)
    try:
        header, end = _read_header(file, path)
    except struct.error as error:
        raise SlamError(f"{path} is no .sens file of version {VERSION}: it ends early") from error
    entries, poses, ticks = _read_table(file, end, header.num_frames, path)
    if not entries:
        raise SlamError(f"{path} holds no frame")
    timestamps_s = stamps_of(ticks, _TICKS_PER_S)
    return Contents(
        name=path.stem,
        rig=_rig_of(header),
        depth_scale=header.depth_scale,
        depth_noise=DepthNoise.kinect_v1(),
        timestamps_s=timestamps_s,
        images=_SensImages(file, header, entries),
        true_poses=trajectory_from(timestamps_s, poses),
    )


class _SensImages:
    def __init__(self, file: File, header: _Header, entries: list[_Entry]) -> None:
        self._file, self._header, self._entries = file, header, entries

    def depth(self, index: int) -> np.ndarray:
        entry = self._entries[index]
        data = self._file.read(entry.offset + entry.color_bytes, entry.depth_bytes)
        return unpacked(data, self._header.depth_size, f"depth of frame {index}")

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        entry = self._entries[index]
        if entry.color_bytes == 0:
            return None
        data = self._file.read(entry.offset, entry.color_bytes)
        if self._header.color_compression == COLOR_RAW:
            return raw_color(data, self._header.color_size)
        image = decoded(data, cv2.IMREAD_COLOR, f"colour of frame {index}")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _read_header(file: File, path: Path) -> tuple[_Header, int]:
    """Return the header, and where it ends."""
    version, name_bytes = _START.unpack(file.read(0, _START.size))
    if version != VERSION or name_bytes > _MAX_NAME:
        raise SlamError(f"{path} is no .sens file of version {VERSION}: it begins with {version}")
    at = _START.size + name_bytes
    matrices = np.array(_MATRICES.unpack(file.read(at, _MATRICES.size))).reshape(4, 4, 4)
    at += _MATRICES.size
    color, depth, cw, ch, dw, dh, scale, num_frames = _IMAGES.unpack(file.read(at, _IMAGES.size))
    if color not in (COLOR_RAW, COLOR_PNG, COLOR_JPEG) or depth not in (DEPTH_RAW, DEPTH_ZLIB):
        raise SlamError(
            f"{path} stores colour by kind {color} and depth by kind {depth}; read are colour as "
            f"raw (0), PNG (1), JPEG (2), and depth as raw (0), zlib (1)"
        )
    if not scale > 0 or not np.isfinite(scale):
        raise SlamError(f"{path} states a depth scale of {scale:g}")
    header = _Header(color, (ch, cw), (dh, dw), float(scale), num_frames, matrices)
    return header, at + _IMAGES.size


def _read_table(
    file: File, at: int, num_frames: int, path: Path
) -> tuple[list[_Entry], list[Transform | None], list[int]]:
    """Walk from frame to frame; what is cut off at the end is left out, with a line."""
    entries: list[_Entry] = []
    poses: list[Transform | None] = []
    ticks: list[int] = []
    while len(entries) < num_frames and at + _FRAME.size <= file.size:
        *pose, _, depth_ticks, color_bytes, depth_bytes = _FRAME.unpack(file.read(at, _FRAME.size))
        entry = _Entry(at + _FRAME.size, color_bytes, depth_bytes)
        at = entry.offset + color_bytes + depth_bytes
        if at > file.size:
            break
        entries.append(entry)
        poses.append(_pose(np.array(pose).reshape(4, 4)))
        ticks.append(depth_ticks)
    if len(entries) < num_frames:
        logger.warning("%s is cut off: %d of %d frames are whole", path, len(entries), num_frames)
    return entries, poses, ticks


def _pose(matrix: np.ndarray) -> Transform | None:
    if not np.isfinite(matrix).all() or not matrix[:3, :3].any():
        return None
    return orthonormalise(matrix)


def _rig_of(header: _Header) -> Rig:
    K_color, T_device_color, K_depth, T_device_depth = header.matrices
    depth = _camera(K_depth, header.depth_size)
    color = _camera(K_color, header.color_size)
    places = [_pose(matrix) for matrix in (T_device_color, T_device_depth)]
    T_color_depth = np.eye(4)
    if places[0] is not None and places[1] is not None:
        T_color_depth = inverse(places[0]) @ places[1]
    if color == depth and np.allclose(T_color_depth, np.eye(4), atol=1e-5):
        return Rig(Lens(depth))
    if color.fx <= 0 or 0 in header.color_size:  # a sensor without colour
        return Rig(Lens(depth))
    return Rig(Lens(depth), Lens(color), T_color_depth)


def _camera(K: np.ndarray, size: tuple[int, int]) -> Camera:
    fx, fy, cx, cy = (float(K[i, j]) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return Camera(size[1], size[0], fx, fy, cx, cy)
