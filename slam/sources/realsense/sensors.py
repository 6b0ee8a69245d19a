"""Frames from a device's sensors and the SDK's syncer, without its pipeline.

The SDK's pipeline does not take software devices; this is how they are read.
"""

import contextlib
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.accelerometer import Accelerometer, open_accelerometer
from slam.sources.realsense.calibration import Calibration, T_between, baseline_of, lens_of
from slam.sources.realsense.filters import Filters
from slam.sources.realsense.profiles import choose, name_of
from slam.sources.realsense.raw_frame import Delivery, copy_frames
from slam.sources.realsense.sdk import one_line, realsense_sdk

QUEUE_FRAMES = 10  # of the syncer; the SDK has no more than 16 buffers


class SensorFeed:
    """Depth and colour of a device, paired by time as far as the syncer does."""

    is_live = True

    def __init__(self, device: Any, config: RealSenseConfig) -> None:
        rs = realsense_sdk()
        self.name = name_of(device)
        self._filters = Filters(config)
        self.accelerometer: Accelerometer | None = None
        choice = choose(device, config)
        depth, color = choice.depth, choice.color
        self.calibration = Calibration(
            depth=lens_of(depth.profile),
            depth_unit_m=depth.sensor.get_option(rs.option.depth_units),
            fps=float(depth.fps),
            color=None if color is None else lens_of(color.profile),
            T_color_depth=None if color is None else T_between(depth.profile, color.profile),
            baseline_m=baseline_of(depth.sensor),
        )
        self._syncer = rs.syncer(QUEUE_FRAMES)
        self._sensors = []
        if config.imu:
            self.accelerometer = open_accelerometer(device, depth.profile)
        try:
            for offer in (depth, color):
                if offer is not None:
                    offer.sensor.open(offer.profile)
                    self._sensors.append(offer.sensor)
                    offer.sensor.start(self._syncer)
            if self._filters:
                self.calibration = self._filters.calibration(self.calibration, self._frames)
        except RuntimeError as error:
            self.close()
            raise SlamError(f"cannot start {self.name}: {one_line(error)}") from error

    def _frames(self, timeout_s: float) -> Any | None:
        is_there, frames = self._syncer.try_wait_for_frames(int(1e3 * timeout_s))
        return frames if is_there else None

    def wait(self, timeout_s: float) -> Delivery | None:
        """Return what comes next; None if nothing comes in time."""
        frames = self._frames(timeout_s)
        return None if frames is None else copy_frames(self._filters(frames))

    def is_over(self) -> bool:
        """A device has no end."""
        return False

    def close(self) -> None:
        """Stop the sensors."""
        if self.accelerometer is not None:
            self.accelerometer.close()
        for sensor in self._sensors:
            with contextlib.suppress(RuntimeError):  # it is gone
                sensor.stop()
                sensor.close()
        self._sensors = []
