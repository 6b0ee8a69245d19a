"""Record3D's own file (`.r3d`, a zip archive), or the folder that is unpacked from it: `metadata`
as in the app's other export, and of each frame `rgbd/N.jpg`, `N.depth` (metres) and `N.conf` (0, 1,
2), both packed by LZFSE.
"""

import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.errors import BadFrameError, SlamError
from slam.sources.container import Contents, decoded, one_view
from slam.sources.depth_reader import LEAST_CONFIDENCE
from slam.sources.phone import LIDAR_NOISE
from slam.sources.record3d import METRES, color_camera_of, poses_of, timestamps_of

METADATA, FRAMES = "metadata", "rgbd"
_DEPTH = ".depth"


def is_r3d_folder(path: Path) -> bool:
    """Tell whether a Record3D file was unpacked here."""
    return (path / METADATA).is_file() and (path / FRAMES).is_dir()


def open_r3d(path: Path) -> Contents:
    """List the frames in the order of their numbers; the images stay in the file."""
    try:
        root = path if path.is_dir() else zipfile.Path(zipfile.ZipFile(path))
        values = json.loads((root / METADATA).read_bytes())
        files = {file.name: file for file in (root / FRAMES).iterdir()}
        numbers = sorted(int(name[: -len(_DEPTH)]) for name in files if name.endswith(_DEPTH))
        if not numbers:
            raise SlamError(f"{path} holds no {FRAMES}/0{_DEPTH}: it was recorded without depth")
        camera = color_camera_of(path, values)
    except PermissionError as error:
        raise SlamError(f"cannot read {path}: {error.strerror}") from error
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        message = f"{path} is not as Record3D writes it, with {METADATA} and {FRAMES}/: {error}"
        raise SlamError(message) from error
    proportions = (values.get("dw") or camera.width) / (values.get("dh") or camera.height)
    images = _Images(files, numbers, proportions, _unpacker(path))
    timestamps_s = timestamps_of(values, numbers)
    return Contents(
        name=path.stem,
        rig=one_view(images, len(numbers), camera, path),
        depth_scale=METRES,
        depth_noise=LIDAR_NOISE,
        timestamps_s=timestamps_s,
        images=images,
        true_poses=poses_of(timestamps_s, numbers, values.get("poses") or []),
    )


class _Images:
    def __init__(
        self,
        files: dict[str, Path | zipfile.Path],
        numbers: list[int],
        proportions: float,
        unpack: Callable[[bytes], bytes],
    ) -> None:
        self._files, self._numbers, self._unpack = files, numbers, unpack
        self._proportions = proportions  # width over height of depth

    def depth(self, index: int) -> np.ndarray:
        number = self._numbers[index]
        depth_m = np.frombuffer(self._unpacked(f"{number}{_DEPTH}"), "<f4")
        width = max(round((len(depth_m) * self._proportions) ** 0.5), 1)
        if not len(depth_m) or len(depth_m) % width:
            raise BadFrameError(f"depth of frame {number} holds {len(depth_m)} values")
        if f"{number}.conf" in self._files:
            confidence = np.frombuffer(self._unpacked(f"{number}.conf"), np.uint8)
            if len(confidence) == len(depth_m):
                depth_m = np.where(confidence < LEAST_CONFIDENCE, np.float32(0), depth_m)
        return depth_m.reshape(-1, width)

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        name = f"{self._numbers[index]}.jpg"
        if name not in self._files:
            return None
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.cvtColor(decoded(self._data(name), flags, name), cv2.COLOR_BGR2RGB)

    def _unpacked(self, name: str) -> bytes:
        try:
            return self._unpack(self._data(name))
        except ValueError as error:
            raise BadFrameError(f"{name} cannot be unpacked") from error

    def _data(self, name: str) -> bytes:
        try:
            return self._files[name].read_bytes()
        except (OSError, zlib.error, zipfile.BadZipFile, EOFError) as error:
            raise BadFrameError(f"{name} cannot be read: {error}") from error


def _unpacker(path: Path) -> Callable[[bytes], bytes]:
    """Return what unpacks LZFSE; it raises `ValueError` for other data."""
    try:
        import lzfse
    except ImportError as error:
        raise SlamError(
            f"{path} is packed by LZFSE, which the package lzfse reads: pip install 'twinmap[r3d]'"
        ) from error

    def unpack(data: bytes) -> bytes:
        try:
            return lzfse.decompress(data)
        except (lzfse.error, MemoryError) as error:  # which it raises for data that ends early
            raise ValueError from error

    return unpack
