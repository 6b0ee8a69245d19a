"""Frames from a device's sensors and the SDK's syncer, without its pipeline.

The SDK's pipeline does not take software devices; this is how they are read.
"""

import contextlib
from typing import Any

from slam.errors import SlamError
from slam.sources.realsense.calibration import Calibration, T_between, baseline_of, lens_of
from slam.sources.realsense.raw_frame import Delivery, copy_frames
from slam.sources.realsense.sdk import one_line, realsense_sdk

QUEUE_FRAMES = 4  # of the syncer; what is not taken in time is gone


class SensorFeed:
    """The first depth and the first colour profile of a device, paired by time."""

    is_live = True

    def __init__(self, device: Any) -> None:
        rs = realsense_sdk()
        self.name = device.get_info(rs.camera_info.name)
        profiles = {}
        for sensor in device.query_sensors():
            for profile in sensor.get_stream_profiles():
                profiles.setdefault(profile.stream_type().name, (sensor, profile))
        if "depth" not in profiles:
            raise SlamError(f"{self.name} has no depth")
        depth_sensor, depth = profiles["depth"]
        color = profiles["color"][1] if "color" in profiles else None
        self.calibration = Calibration(
            depth=lens_of(depth),
            depth_unit_m=depth_sensor.get_option(rs.option.depth_units),
            fps=float(depth.fps()),
            color=None if color is None else lens_of(color),
            T_color_depth=None if color is None else T_between(depth, color),
            baseline_m=baseline_of(depth_sensor),
        )
        self._syncer = rs.syncer(QUEUE_FRAMES)
        self._sensors = []
        try:
            for sensor, profile in (profiles[k] for k in ("depth", "color") if k in profiles):
                sensor.open(profile)
                self._sensors.append(sensor)
                sensor.start(self._syncer)
        except RuntimeError as error:
            self.close()
            raise SlamError(f"cannot start {self.name}: {one_line(error)}") from error

    def wait(self, timeout_s: float) -> Delivery | None:
        """Return what comes next; None if nothing comes in time."""
        is_there, frames = self._syncer.try_wait_for_frames(int(1e3 * timeout_s))
        return copy_frames(frames) if is_there else None

    def is_over(self) -> bool:
        """A device has no end."""
        return False

    def close(self) -> None:
        """Stop the sensors."""
        for sensor in self._sensors:
            with contextlib.suppress(RuntimeError):  # it is gone
                sensor.stop()
                sensor.close()
        self._sensors = []
