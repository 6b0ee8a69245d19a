"""A connected camera, by the SDK's pipeline."""

import contextlib
import time
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.accelerometer import Accelerometer, open_accelerometer
from slam.sources.realsense.calibration import calibration_of
from slam.sources.realsense.filters import Filters
from slam.sources.realsense.profiles import Choice, choose, name_of, usb_hint
from slam.sources.realsense.raw_frame import Delivery, copy_frames
from slam.sources.realsense.sdk import one_line, realsense_sdk
from slam.sources.realsense.settings import apply_settings, lock_exposure

SETTLE_S = 1.0  # for the exposure, before it is locked


def connected() -> list[Any]:
    """List the cameras that are connected; this takes milliseconds."""
    return list(realsense_sdk().context().query_devices())


def find_camera(serial: str) -> Any:
    """Return the camera with this serial number, or the first. Asking the pipeline for one that is
    not there would take 15 s.
    """
    rs = realsense_sdk()
    cameras = connected()
    if not cameras:
        raise SlamError("no RealSense camera is connected; `slam doctor` says what may be missing")
    for camera in cameras:
        if not serial or camera.get_info(rs.camera_info.serial_number) == serial:
            return camera
    there = ", ".join(name_of(camera) for camera in cameras)
    raise SlamError(f"no camera has the serial number {serial}; connected: {there}")


class CameraFeed:
    """Streams from a camera; the newest frame is taken, older ones are gone."""

    is_live = True

    def __init__(self, config: RealSenseConfig, record_to: str | None = None) -> None:
        rs = realsense_sdk()
        self._filters = Filters(config)
        self.accelerometer: Accelerometer | None = None
        device = find_camera(config.serial)
        self.name = name_of(device)
        choice = choose(device, config)
        apply_settings(device, config)
        self._pipeline = rs.pipeline()
        try:
            profile = self._pipeline.start(_request(device, choice, record_to))
        except RuntimeError as error:
            raise SlamError(
                f"cannot start {self.name}: {one_line(error)}{usb_hint(device)}"
            ) from error
        self._device = profile.get_device()
        self._lock_at_s = time.monotonic() + SETTLE_S if config.lock_exposure else None
        try:
            self.calibration = calibration_of(profile, choice.color is not None)
            if self._filters:
                self.calibration = self._filters.calibration(self.calibration, self._frames)
            if config.imu:
                depth_profile = profile.get_stream(rs.stream.depth)
                is_recorded = record_to is not None
                self.accelerometer = open_accelerometer(self._device, depth_profile, is_recorded)
            if self.accelerometer is not None:
                self.accelerometer.warm_up()
        except BaseException:
            self.close()
            raise

    def _frames(self, timeout_s: float) -> Any | None:
        is_there, frames = self._pipeline.try_wait_for_frames(int(1e3 * timeout_s))
        return frames if is_there else None

    def wait(self, timeout_s: float) -> Delivery | None:
        """Return what comes next; None if nothing comes in time."""
        frames = self._frames(timeout_s)
        if frames is None:
            return None
        if self._lock_at_s is not None and time.monotonic() > self._lock_at_s:
            self._lock_at_s = None
            lock_exposure(self._device)
        return copy_frames(self._filters(frames))

    def is_over(self) -> bool:
        """A camera has no end."""
        return False

    def close(self) -> None:
        """Stop the camera."""
        if self.accelerometer is not None:
            self.accelerometer.close()
        with contextlib.suppress(RuntimeError):  # it had stopped, or is gone
            self._pipeline.stop()


def _request(device: Any, choice: Choice, record_to: str | None) -> Any:
    rs = realsense_sdk()
    config = rs.config()
    config.enable_device(device.get_info(rs.camera_info.serial_number))
    for offer in (choice.depth, choice.color):
        if offer is not None:
            stream, format_ = getattr(rs.stream, offer.kind), getattr(rs.format, offer.format)
            config.enable_stream(stream, offer.width, offer.height, format_, offer.fps)
    if record_to is not None:
        config.enable_record_to_file(record_to)
    return config
