"""From what the user names to a stream."""

from collections.abc import Callable
from pathlib import Path

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.connected_camera import CameraFeed
from slam.sources.realsense.playback_file import PlaybackFeed
from slam.sources.realsense.record import SUFFIXES, Recorded, record
from slam.sources.realsense.stream import RealSenseStream


def open_recording(path: Path, config: RealSenseConfig) -> RealSenseStream:
    """Open a recording of the SDK."""
    if not path.is_file():
        raise SlamError(f"recording {path} does not exist")
    return RealSenseStream(lambda: PlaybackFeed(path, config), config)


def open_camera(config: RealSenseConfig) -> RealSenseStream:
    """Open a connected camera; it is opened anew when it was unplugged."""
    return RealSenseStream(lambda: CameraFeed(config), config)


def record_camera(
    config: RealSenseConfig, target: Path, limit: int, on_frame: Callable[[Recorded], None]
) -> Recorded:
    """Record a connected camera to a file of the SDK or to a folder."""
    file = str(target) if target.suffix in SUFFIXES else None
    return record(lambda: CameraFeed(config, file), config, target, limit, on_frame)
