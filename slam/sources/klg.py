"""ElasticFusion's `.klg`: the number of frames, then for each its time in microseconds, depth
(millimetres, raw or zlib) and colour (raw or JPEG, or none).

JPEGs hold blue where red belongs, as the logger that wrote them encodes RGB with OpenCV; the file
says neither its camera nor its size.
"""

import logging
import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.errors import SlamError
from slam.sources.camera_file import CameraFile, read_camera_file
from slam.sources.container import Contents, File, decoded, raw_color, stamps_of, unpacked

logger = logging.getLogger(__name__)
MILLIMETRES = 1000.0
# what ElasticFusion takes where it is told nothing else
DEFAULT = CameraFile(640, 480, 528.0, 528.0, 320.0, 240.0, depth_scale=MILLIMETRES)
_HEADER = struct.Struct("<i")
_FRAME = struct.Struct("<qii")
_TICKS_PER_S = 1e6


class _Entry(NamedTuple):
    """Where a frame's images are."""

    offset: int
    depth_bytes: int
    color_bytes: int


def open_klg(path: Path) -> Contents:
    """Read the table of frames; the images stay in the file."""
    camera_file = _camera_of(path)
    file = File(path)
    entries, ticks = _read_table(file, path)
    return Contents(
        name=path.stem,
        rig=camera_file.rig,
        depth_scale=camera_file.depth_scale or MILLIMETRES,
        depth_noise=camera_file.noise,
        timestamps_s=stamps_of(ticks, _TICKS_PER_S),
        images=_KlgImages(file, camera_file, entries),
    )


def _camera_of(path: Path) -> CameraFile:
    """Read the camera from a `.yaml` of the file's name, or from a `camera.yaml` beside it."""
    for candidate in (path.with_suffix(".yaml"), path.with_name("camera.yaml")):
        if candidate.exists():
            return read_camera_file(candidate, depth_scale=MILLIMETRES)
    logger.warning(
        "%s: no %s beside it says the camera: ElasticFusion's own is taken, 640x480, "
        "fx 528, fy 528, cx 320, cy 240",
        path,
        path.with_suffix(".yaml").name,
    )
    return DEFAULT


class _KlgImages:
    def __init__(self, file: File, camera_file: CameraFile, entries: list[_Entry]) -> None:
        self._file, self._entries = file, entries
        self._depth_size = camera_file.height, camera_file.width
        self._color_size = camera_file.rig.color_size

    def depth(self, index: int) -> np.ndarray:
        entry = self._entries[index]
        data = self._file.read(entry.offset, entry.depth_bytes)
        return unpacked(data, self._depth_size, f"depth of frame {index}")

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        entry = self._entries[index]
        if entry.color_bytes == 0:
            return None
        data = self._file.read(entry.offset + entry.depth_bytes, entry.color_bytes)
        raw = raw_color(data, self._color_size)
        if raw is not None:
            return raw
        # OpenCV's BGR of a swapped image is RGB
        return decoded(data, cv2.IMREAD_COLOR, f"colour of frame {index}")


def _read_table(file: File, path: Path) -> tuple[list[_Entry], list[int]]:
    """Walk from frame to frame; what is cut off at the end is left out, with a line."""
    if file.size < _HEADER.size:
        raise SlamError(f"{path} is no .klg file: it has {file.size} bytes")
    (num_frames,) = _HEADER.unpack(file.read(0, _HEADER.size))
    entries: list[_Entry] = []
    ticks: list[int] = []
    at = _HEADER.size
    while len(entries) < num_frames and at + _FRAME.size <= file.size:
        tick, depth_bytes, color_bytes = _FRAME.unpack(file.read(at, _FRAME.size))
        entry = _Entry(at + _FRAME.size, depth_bytes, color_bytes)
        at = entry.offset + depth_bytes + color_bytes
        if depth_bytes <= 0 or color_bytes < 0 or at > file.size:
            break
        entries.append(entry)
        ticks.append(tick)
    if not entries:
        raise SlamError(f"{path} is no .klg file, or holds no whole frame")
    if len(entries) < num_frames:
        logger.warning("%s is cut off: %d of %d frames are whole", path, len(entries), num_frames)
    return entries, ticks
