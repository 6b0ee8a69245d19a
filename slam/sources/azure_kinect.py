"""Azure Kinect's `.mkv`, as `k4arecorder`, the viewer and Open3D's recorder write it: tracks of
depth and colour, each from the place of its own camera, and the factory's `calibration.json`.
"""

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError, SlamError
from slam.geometry import Transform, inverse, orthonormalise
from slam.sources.container import Contents, File, decoded
from slam.sources.intrinsics import checked
from slam.sources.lens import Lens, opencv_lens
from slam.sources.matroska import Block, Matroska, Track, read_matroska
from slam.sources.rig import Rig
from slam.trajectory import associate

logger = logging.getLogger(__name__)
CALIBRATION = "calibration.json"
MILLIMETRES = 1000.0
# Time of flight: below two millimetres where it is near, and about three times that at 4 m.
NOISE = DepthNoise(0.0015, 0.0005, 0.0002)
_DEPTH, _COLOR = "CALIBRATION_CameraLocationD0", "CALIBRATION_CameraLocationPV0"
_MODEL = "CALIBRATION_LensDistortionModelBrownConrady"


class _View(NamedTuple):
    """Which part of the calibrated image is recorded: its size when it is binned, and where the
    recorded image begins in it.
    """

    width: int
    height: int
    left: int
    top: int


# by the size of the recorded image, which is different for every mode
_VIEWS = {
    (320, 288): _View(512, 512, 96, 90),
    (640, 576): _View(1024, 1024, 192, 180),
    (512, 512): _View(512, 512, 0, 0),
    (1024, 1024): _View(1024, 1024, 0, 0),
    (1280, 720): _View(1280, 960, 0, 120),
    (1920, 1080): _View(1920, 1440, 0, 180),
    (2560, 1440): _View(2560, 1920, 0, 240),
    (2048, 1536): _View(2048, 1536, 0, 0),
    (3840, 2160): _View(3840, 2880, 0, 360),
    (4096, 3072): _View(4096, 3072, 0, 0),
}
# how raw colour becomes RGB, and the bytes of a pixel, times two
_RAW_COLORS = {
    "NV12": (cv2.COLOR_YUV2RGB_NV12, 3),
    "YUY2": (cv2.COLOR_YUV2RGB_YUY2, 4),
    "BGRA": (cv2.COLOR_BGRA2RGB, 8),
}
_JPEG = "MJPG"
_DEPTH_CODEC = "b16g"  # 16 bits, the higher byte first


def open_azure_kinect(path: Path) -> Contents:
    """Read the table of images, which stay in the file. Colour is paired with depth one to one,
    the closest first, within half a period.
    """
    file = File(path)
    contents = read_matroska(file)
    depth, color = _tracks(contents, path)
    blocks = _blocks(contents, depth)
    if not blocks:
        raise SlamError(f"{path} holds no whole depth image")
    if contents.is_cut_off:
        logger.warning("%s is cut off: %d depth images are whole", path, len(blocks))
    timestamps_s = _seconds(blocks)
    color_blocks: list[Block | None] = [None] * len(blocks)
    if color is not None:
        found = _blocks(contents, color)
        period_s = float(np.median(np.diff(timestamps_s))) if len(blocks) > 1 else 1 / 30
        for i, j in zip(*associate(timestamps_s, _seconds(found), 0.5 * period_s), strict=True):
            color_blocks[i] = found[j]
    return Contents(
        name=path.stem,
        rig=_rig_of(contents, depth, color, path),
        depth_scale=MILLIMETRES,
        depth_noise=NOISE,
        timestamps_s=timestamps_s,
        images=_Images(file, (depth, blocks), (color, color_blocks)),
    )


class _Images:
    def __init__(
        self,
        file: File,
        depth: tuple[Track, list[Block]],
        color: tuple[Track | None, list[Block | None]],
    ) -> None:
        self._file, self._depth, self._color = file, depth, color

    def depth(self, index: int) -> np.ndarray:
        track, blocks = self._depth
        data = self._file.read(*blocks[index][2:])
        if len(data) != 2 * track.width * track.height:
            size = f"{track.width}x{track.height}"
            raise BadFrameError(
                f"depth of frame {index} has {len(data)} bytes, not those of {size}"
            )
        return np.frombuffer(data, ">u2").reshape(track.height, track.width).astype(np.uint16)

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        track, blocks = self._color
        block = blocks[index]
        if track is None or block is None:
            return None
        data = self._file.read(*block[2:])
        if track.codec == _JPEG:
            image = decoded(data, cv2.IMREAD_COLOR, f"colour of frame {index}")
            return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        conversion, twice_bytes = _RAW_COLORS[track.codec]
        if len(data) != twice_bytes * track.width * track.height // 2:
            size = f"{track.width}x{track.height} {track.codec}"
            raise BadFrameError(f"colour of frame {index} has {len(data)} bytes, not of {size}")
        rows = track.height * 3 // 2 if track.codec == "NV12" else track.height
        pixels = np.frombuffer(data, np.uint8).reshape(rows, track.width, -1)
        return cv2.cvtColor(pixels, conversion)


def _tracks(contents: Matroska, path: Path) -> tuple[Track, Track | None]:
    """Return the tracks of depth and colour; `SlamError` where this is another file."""
    if not contents.is_matroska:
        raise SlamError(f"{path} is no Matroska file")
    by_name = {track.name.upper(): track for track in contents.tracks}
    depth, color = by_name.get("DEPTH"), by_name.get("COLOR")
    if depth is None:
        names = ", ".join(name for name in by_name if name) or "none with a name"
        raise SlamError(
            f"{path} has no track DEPTH, as recordings of an Azure Kinect have (its tracks: "
            f"{names}): a video alone holds no depth"
        )
    if depth.codec != _DEPTH_CODEC:
        raise SlamError(f"{path} stores depth as {depth.codec!r}; {_DEPTH_CODEC!r} is read")
    if color is not None and color.codec not in (_JPEG, *_RAW_COLORS):
        known = ", ".join((_JPEG, *_RAW_COLORS))
        raise SlamError(f"{path} stores colour as {color.codec!r}; {known} are read")
    return depth, color


def _blocks(contents: Matroska, track: Track) -> list[Block]:
    of_track = [block for block in contents.blocks if block.track == track.number]
    return sorted(of_track, key=lambda block: block.time_ns)


def _seconds(blocks: list[Block]) -> np.ndarray:
    return np.array([1e-9 * block.time_ns for block in blocks], dtype=np.float64)


def _rig_of(contents: Matroska, depth: Track, color: Track | None, path: Path) -> Rig:
    where = f"{path}: {CALIBRATION}"
    if CALIBRATION not in contents.attached:
        raise SlamError(f"{where} is not attached, so its cameras are unknown")
    try:
        data = json.loads(contents.attached[CALIBRATION].rstrip(b"\0"))
        cameras = {one["Location"]: one for one in data["CalibrationInformation"]["Cameras"]}
        depth_lens = _lens(cameras[_DEPTH], depth, where)
        if color is None:
            return Rig(depth_lens)
        color_lens = _lens(cameras[_COLOR], color, where)
        T_color_depth = _place(cameras[_COLOR]) @ inverse(_place(cameras[_DEPTH]))
    except (KeyError, ValueError, TypeError) as error:
        raise SlamError(f"{where} is not as the camera's maker writes it: {error!r}") from error
    return Rig(depth_lens, color_lens, T_color_depth)


def _lens(camera: dict[str, Any], track: Track, where: str) -> Lens:
    """Return the lens of the recorded images. The calibration is of an image of width and height 1
    with pixel edges at integers.
    """
    size = track.width, track.height
    if size not in _VIEWS:
        known = ", ".join(f"{w}x{h}" for w, h in _VIEWS)
        raise SlamError(f"{where}: {track.name} is {size[0]}x{size[1]}; the camera has {known}")
    view, intrinsics = _VIEWS[size], camera["Intrinsics"]
    cx, cy, fx, fy, *k, center_x, center_y, p2, p1 = intrinsics["ModelParameters"][:14]
    if intrinsics["ModelType"] != _MODEL or center_x or center_y:
        raise SlamError(f"{where}: a lens of {intrinsics['ModelType']} is not read; {_MODEL} is")
    pinhole = Camera(
        *size,
        fx * view.width,
        fy * view.height,
        cx * view.width - view.left - 0.5,
        cy * view.height - view.top - 0.5,
    )
    coefficients = (k[0], k[1], p1, p2, *k[2:])
    return opencv_lens(checked(pinhole, where), coefficients, where)


def _place(camera: dict[str, Any]) -> Transform:
    """Return T_camera_device, in metres."""
    T = np.eye(4)
    T[:3, :3] = np.reshape(camera["Rt"]["Rotation"], (3, 3))
    T[:3, 3] = camera["Rt"]["Translation"]
    return orthonormalise(T)
