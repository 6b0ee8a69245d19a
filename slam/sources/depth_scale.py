"""Whether stated scale and images fit: depth as no room has it is refused, or doubted."""

import logging
from collections.abc import Callable

import numpy as np

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.errors import BadFrameError, SlamError
from slam.sources.depth_range import ROOM_M
from slam.sources.depth_reader import SATURATED, DepthStorage

logger = logging.getLogger(__name__)
KNOWN_SCALES = {
    1.0: "metres",
    1000.0: "millimetres: ScanNet, 7-Scenes, RealSense, phones",
    4000.0: "RealSense L515",
    5000.0: "TUM",
    6553.5: "Replica",
    10000.0: "RealSense D405",
}
_POSSIBLE_M = (0.05, 20.0)  # the median of a frame
_USUAL_M = (0.5, 4.5)
_TYPICAL_M = (0.9, 3.5)  # what another scale has to make of it to be named
_NUM_FRAMES = 5
_AMONG_FIRST = 60
_LEAST_SHARE = 0.01


def checked_storage(
    read: Callable[[int], np.ndarray],
    num_frames: int,
    storage: DepthStorage,
    camera: Camera,
    where: object,
    config: PlaybackConfig,
) -> DepthStorage:
    """Return how depth is stored, after a look at some of the first images: `read` returns one as
    it is stored (h, w).

    Raises `SlamError` where none of them is a depth image of the camera's size, and where the scale
    makes depth of them that no room has, or that lies out of range. Floats are metres, unless the
    stated scale makes more sense.
    """
    images, reason = _some_images(read, num_frames)
    if not images:
        raise SlamError(f"{where}: {reason}")
    sizes = {image.shape[::-1] for image in images}
    if (camera.width, camera.height) not in sizes:
        width, height = sizes.pop()
        raise SlamError(
            f"{where}: its depth images are {width}x{height}, "
            f"its camera is {camera.width}x{camera.height}"
        )
    readings = np.concatenate([_readings(image)[::7] for image in images])
    if readings.size < _LEAST_SHARE * sum(image.size for image in images) / 7:
        return storage
    median = float(np.median(readings))
    if images[0].dtype.kind == "f" and storage.scale != 1.0:
        in_metres = _POSSIBLE_M[0] <= median <= _POSSIBLE_M[1]
        if in_metres and median / storage.scale < _POSSIBLE_M[0]:
            logger.warning(
                "%s: depth of floats, median %.3g, taken as metres: not as depth_scale %g",
                where, median, storage.scale,
            )  # fmt: skip
            storage = DepthStorage(1.0, storage.kind)
    depths_m = readings / storage.scale
    median_m = median / storage.scale
    farthest_m = ROOM_M if config.max_depth_m is None else config.max_depth_m
    in_range = np.mean((depths_m >= config.min_depth_m) & (depths_m <= farthest_m))
    problem = f"{where}: median depth {median_m:.3g} m with depth_scale {storage.scale:g}"
    if storage.scale_origin:
        problem += f" ({storage.scale_origin}; none is stated)"
    likely = _likely(median, storage.scale)
    if not _POSSIBLE_M[0] <= median_m <= _POSSIBLE_M[1]:
        raise SlamError(f"{problem}; {likely or 'no known scale fits either'}")
    if in_range < _LEAST_SHARE and likely:
        raise SlamError(
            f"{problem}, all out of range ({config.min_depth_m:g} to {farthest_m:g} m); "
            f"{likely}, or --playback.max-depth-m"
        )
    if likely and not _USUAL_M[0] <= median_m <= _USUAL_M[1]:
        logger.warning("%s, which is unusual; if that is wrong, %s", problem, likely)
    return storage


def _some_images(
    read: Callable[[int], np.ndarray], num_frames: int
) -> tuple[list[np.ndarray], str]:
    """Return some of the first images that are depth images, and what is wrong with the last other
    one.
    """
    images, reason = [], "it has no depth images"
    indices = np.unique(np.linspace(0, min(num_frames, _AMONG_FIRST) - 1, _NUM_FRAMES).astype(int))
    for index in indices.tolist() if num_frames else ():
        try:
            images.append(read(index))
        except BadFrameError as error:
            reason = str(error)
    return images, reason


def _readings(image: np.ndarray) -> np.ndarray:
    """Return what is no gap: neither 0, nor saturated, nor no number."""
    saturated = SATURATED if image.dtype == np.uint16 else np.inf
    return image[(image > 0) & (image < saturated)]


def _likely(median: float, scale: float) -> str:
    """Name the scales that would make a room of it."""
    fitting = [
        f"depth_scale {known:g} ({what}) would make it {median / known:.3g} m"
        for known, what in KNOWN_SCALES.items()
        if known != scale and _TYPICAL_M[0] <= median / known <= _TYPICAL_M[1]
    ]
    where = "camera.yaml (NAME.yaml beside a bag or .klg)"
    return f"{', '.join(fitting)}: set it in {where}" if fitting else ""
