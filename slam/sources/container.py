"""A recording that is one file, of which each frame can be read by itself."""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from slam.camera import Camera, DepthNoise
from slam.config import PlaybackConfig
from slam.errors import BadFrameError, SlamError
from slam.frame import Frame
from slam.sources.depth_reader import SATURATED, DepthStorage
from slam.sources.depth_scale import checked_storage
from slam.sources.lens import Lens
from slam.sources.rig import Registered, Rig, is_one_view
from slam.trajectory import Trajectory

_MOST_TRIES = 10
NOMINAL_FPS = 30.0


@runtime_checkable  # the tests check argument types at run time
class Images(Protocol):
    """The images of a file, by the index of their frame; `BadFrameError` for a damaged one."""

    def depth(self, index: int) -> np.ndarray:
        """Return stored z-depth (h, w), integers or floats, 0 where missing."""
        ...

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return RGB; None where the frame has none."""
        ...


@dataclass(frozen=True)
class Contents:
    """What is in a file. No image is decoded for it."""

    name: str
    rig: Rig
    depth_scale: float  # stored value of one metre
    depth_noise: DepthNoise
    timestamps_s: Float64[np.ndarray, "n"]
    images: Images
    true_poses: Trajectory | None = None


class ContainerSource:
    """The frames of a file: metres, RGB, and colour of the depth image's pixels."""

    def __init__(self, contents: Contents, config: PlaybackConfig | None = None) -> None:
        """Look at some first images, too; `SlamError` where their depth is of no room."""
        self.name = contents.name
        self.camera = contents.rig.camera
        self.is_undistorted = contents.rig.is_undistorted
        self.depth_noise = contents.depth_noise
        self.timestamps_s = contents.timestamps_s
        self._contents = contents
        storage = checked_storage(
            contents.images.depth,
            len(contents.timestamps_s),
            DepthStorage(contents.depth_scale),
            self.camera,
            contents.name,
            config or PlaybackConfig(),
        )
        self._depth_scale = np.float32(storage.scale)

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        depth_m = self._contents.rig.depth(self._depth_m(index))
        registered, no_color = self._color(index, depth_m)
        return Frame(
            index,
            float(self.timestamps_s[index]),
            self.camera,
            depth_m,
            registered.color if registered else None,
            self.depth_noise,
            color_mask=registered.mask if registered else None,
            no_color=no_color,
        )

    def _color(
        self, index: int, depth_m: Float32[np.ndarray, "h w"]
    ) -> tuple[Registered | None, str]:
        """Return the colour of the depth image's pixels, or why there is none."""
        try:
            color = self._contents.images.color(index)
            if color is None:
                return None, "the recording has none for it"
            return self._contents.rig.registered(color, depth_m), ""
        except BadFrameError as error:
            return None, str(error)

    def _depth_m(self, index: int) -> Float32[np.ndarray, "h w"]:
        stored = self._contents.images.depth(index)
        size = (self.camera.height, self.camera.width)
        if stored.shape != size:
            sizes = [f"{width}x{height}" for height, width in (stored.shape[:2], size)]
            raise BadFrameError(f"depth of frame {index} is {sizes[0]}, its camera is {sizes[1]}")
        if stored.dtype == np.uint16:
            stored = np.where(stored < SATURATED, stored, 0)
        else:
            stored = np.nan_to_num(stored, nan=0.0, posinf=0.0, neginf=0.0)
        return np.maximum(stored, 0).astype(np.float32) / self._depth_scale

    def ground_truth(self) -> Trajectory | None:
        """Return the poses that came with the recording."""
        return self._contents.true_poses


class File:
    """A file that is read piece by piece, by any thread."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise SlamError(f"cannot read {path}: {error.strerror}") from error

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes; fewer at the end of the file."""
        return os.pread(self._file.fileno(), size, offset)


def decoded(data: bytes, flags: int, what: str) -> np.ndarray:
    """Decode an image in a file's format, as OpenCV orders its channels."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise BadFrameError(f"{what} is damaged or no image ({len(data)} bytes)")
    return image


def unpacked(data: bytes, size: tuple[int, int], what: str) -> np.ndarray:
    """Return 16-bit values of so many rows and columns, which may be packed by zlib."""
    num_bytes = 2 * size[0] * size[1]
    try:
        data = data if len(data) == num_bytes else zlib.decompress(data)
    except zlib.error as error:
        raise BadFrameError(f"{what} cannot be unpacked: {error}") from error
    if len(data) != num_bytes:
        raise BadFrameError(
            f"{what} holds {len(data)} bytes, not those of {size[1]}x{size[0]} 16-bit values"
        )
    return np.frombuffer(data, "<u2").reshape(size)


def raw_color(data: bytes, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return RGB that is stored as such; None where the bytes are not those of the size."""
    is_raw = len(data) == 3 * size[0] * size[1]
    return np.frombuffer(data, np.uint8).reshape(*size, 3) if is_raw else None


def one_view(images: Images, num_frames: int, camera: Camera, where: object) -> Rig:
    """Return the cameras of depth and colour that show one view, in the sizes of the first images
    that can be read; `camera` is that of the view in any size.
    """
    for index in range(min(num_frames, _MOST_TRIES)):
        try:
            height, width = images.depth(index).shape
            color = images.color(index)
        except BadFrameError:
            continue
        for seen in (height, width), (height, width) if color is None else color.shape[:2]:
            if not is_one_view((seen[1], seen[0]), (camera.width, camera.height)):
                raise SlamError(
                    f"{where}: an image is {seen[1]}x{seen[0]}, its camera {camera.width}x"
                    f"{camera.height}: not one view in two sizes"
                )
        depth_camera = camera.resized(width, height)
        if color is None or color.shape[:2] == (height, width):
            return Rig(Lens(depth_camera))
        return Rig(Lens(depth_camera), Lens(camera.resized(color.shape[1], color.shape[0])))
    raise SlamError(f"{where}: none of the first images can be read")


def stamps_of(ticks: Sequence[int | float], ticks_per_s: float) -> Float64[np.ndarray, "n"]:
    """Return times in seconds: nominal ones where a recorder wrote none."""
    stamps_s = np.array(ticks, dtype=np.float64) / ticks_per_s
    has_time = len(stamps_s) < 2 or np.count_nonzero(np.diff(stamps_s) > 0) > len(stamps_s) // 2
    return stamps_s if has_time else np.arange(len(stamps_s)) / NOMINAL_FPS
