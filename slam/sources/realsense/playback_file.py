"""A recording played by the SDK's pipeline."""

import contextlib
import logging
from pathlib import Path
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.accelerometer import Accelerometer, open_accelerometer
from slam.sources.realsense.calibration import calibration_of
from slam.sources.realsense.raw_frame import Delivery, copy_frames
from slam.sources.realsense.recover import Recovered, is_cut_off, recover
from slam.sources.realsense.sdk import one_line, realsense_sdk

logger = logging.getLogger(__name__)


class PlaybackFeed:
    """Every frame of a recording, in order, as fast as they are taken."""

    is_live = False

    def __init__(self, path: Path, config: RealSenseConfig) -> None:
        self.name = path.name
        self._rs = realsense_sdk()
        self._imu = config.imu
        self.accelerometer: Accelerometer | None = None
        self._recovered: Recovered | None = None
        if is_cut_off(path):
            self._recovered = recover(path)
            path = self._recovered.path
        try:
            self._start(path)
        except BaseException:
            self._discard()
            raise

    def _start(self, path: Path) -> None:
        rs = self._rs
        self._pipeline = rs.pipeline()
        self._player, has_color = self._streams(path)
        config = self._config(path)
        config.enable_stream(rs.stream.depth)  # with others it would wait for all of them
        if has_color:
            config.enable_stream(rs.stream.color)
        try:
            # Paused until it is told not to drop what is not taken in time.
            self._player = config.resolve(rs.pipeline_wrapper(self._pipeline)).get_device()
            self._player = self._player.as_playback()
            self._player.pause()
            profile = self._pipeline.start(config)
            self._player = profile.get_device().as_playback()
            self._player.set_real_time(False)
            if self._imu:
                depth_profile = profile.get_stream(rs.stream.depth)
                self.accelerometer = open_accelerometer(profile.get_device(), depth_profile)
            self._player.resume()
        except RuntimeError as error:
            raise SlamError(f"cannot play {self.name}: {one_line(error)}") from error
        self.calibration = calibration_of(profile, has_color)

    def _config(self, path: Path) -> Any:
        config = self._rs.config()
        config.enable_device_from_file(str(path), repeat_playback=False)
        return config

    def _streams(self, path: Path) -> tuple[Any, bool]:
        """Look what was recorded; return the device, and whether there is colour."""
        wrapper = self._rs.pipeline_wrapper(self._pipeline)
        try:
            profile = self._config(path).resolve(wrapper)
        except RuntimeError as error:
            reason = one_line(error).partition("Reason: ")[2] or one_line(error)
            raise SlamError(f"cannot open recording {self.name}: {reason}") from error
        kinds = {stream.stream_type().name for stream in profile.get_streams()}
        if "depth" not in kinds:
            raise SlamError(f"{self.name} has no depth, only {', '.join(sorted(kinds))}")
        return profile.get_device().as_playback(), "color" in kinds

    def wait(self, timeout_s: float) -> Delivery | None:
        """Return what comes next; None if nothing comes in time, as after the last one."""
        is_there, frames = self._pipeline.try_wait_for_frames(int(1e3 * timeout_s))
        return copy_frames(frames) if is_there else None

    def is_over(self) -> bool:
        """Whether the end was reached."""
        return self._player.current_status() == self._rs.playback_status.stopped

    def close(self) -> None:
        """Stop playing."""
        if self.accelerometer is not None:
            self.accelerometer.close()
        with contextlib.suppress(RuntimeError):  # it had stopped
            self._pipeline.stop()
        self._discard()

    def _discard(self) -> None:
        if self._recovered is not None:
            self._recovered.discard()
