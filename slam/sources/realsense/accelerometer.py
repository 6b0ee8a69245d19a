"""The accelerometer beside a depth camera.

Its sensor is opened by itself, not as a stream of the SDK's pipeline: that delivers no image before
every stream has delivered, so an accelerometer that is silent would silence the camera, and of the
samples between two images it keeps the last alone.
"""

import contextlib
import logging
import time
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from slam.sources.realsense.calibration import T_between
from slam.sources.realsense.raw_frame import RawFrame
from slam.sources.realsense.sdk import one_line

logger = logging.getLogger(__name__)
MAX_AGE_S = 0.3  # of the samples that a frame is given
MAX_AHEAD_S = 10.0  # of a sample before its frame; more is another clock
MAX_SAMPLES = 4096  # that wait for their frame
WARM_UP_S, NUM_WARM_UP = 0.5, 10


class _Sample(NamedTuple):
    timestamp_s: float
    clock: str
    acceleration: tuple[float, float, float]  # m/s^2, in the axes of the sensor


class Accelerometer:
    """Collects samples, and gives each frame the mean of those since the frame before."""

    def __init__(self, sensor: Any, profiles: list[Any], depth_profile: Any) -> None:
        """Start the sensor with an `accel` profile and maybe others; they are only recorded."""
        self._samples: deque[_Sample] = deque(maxlen=MAX_SAMPLES)
        accel = next(p for p in profiles if p.stream_type().name == "accel")
        self._R_depth_accel = _rotation(accel, depth_profile)
        self._sensor = sensor
        sensor.open(profiles)
        try:
            sensor.start(self._take)
        except RuntimeError:
            sensor.close()
            raise

    def _take(self, frame: Any) -> None:
        """Copy a sample; the SDK calls this on a thread of its own."""
        if frame.profile.stream_type().name == "accel":
            data = frame.as_motion_frame().get_motion_data()
            clock = frame.frame_timestamp_domain.name
            self._samples.append(_Sample(frame.timestamp / 1e3, clock, (data.x, data.y, data.z)))

    def warm_up(self) -> None:
        """Wait shortly until there is something to give to the first frame."""
        end_s = time.monotonic() + WARM_UP_S
        while len(self._samples) < NUM_WARM_UP and time.monotonic() < end_s:
            time.sleep(0.01)

    def before(self, frame: RawFrame) -> Float64[np.ndarray, "3"] | None:
        """Return the mean of the samples up to a frame, in m/s^2 and the depth camera's axes; None
        where there are none of its clock. Each sample is used once.
        """
        taken = []
        while self._samples:
            sample = self._samples[0]
            ahead_s = sample.timestamp_s - frame.timestamp_s
            is_same_clock = sample.clock == frame.clock
            if is_same_clock and 0.0 < ahead_s < MAX_AHEAD_S:
                break
            self._samples.popleft()
            if is_same_clock and -MAX_AGE_S <= ahead_s <= 0.0:
                taken.append(sample.acceleration)
        return self._R_depth_accel @ np.mean(taken, axis=0) if taken else None

    def close(self) -> None:
        """Stop the sensor."""
        with contextlib.suppress(RuntimeError):  # it is gone
            self._sensor.stop()
            self._sensor.close()


def open_accelerometer(
    device: Any, depth_profile: Any, with_gyro: bool = False
) -> Accelerometer | None:
    """Start the accelerometer of a device at its lowest rate; None where it has none, or, with a
    warning, where it does not start: a camera is of use without.
    """
    kinds = ("accel", "gyro") if with_gyro else ("accel",)
    for sensor in device.query_sensors():
        chosen: dict[str, Any] = {}
        for profile in sorted(sensor.get_stream_profiles(), key=lambda p: -p.fps()):
            if profile.format().name == "motion_xyz32f":
                chosen[profile.stream_type().name] = profile
        profiles = [chosen[kind] for kind in kinds if kind in chosen]
        if "accel" in chosen:
            try:
                return Accelerometer(sensor, profiles, depth_profile)
            except RuntimeError as error:
                logger.warning("going on without the accelerometer: %s", one_line(error))
    return None


def _rotation(accel: Any, depth_profile: Any) -> Float64[np.ndarray, "3 3"]:
    """Return R_depth_accel.

    Recordings lack it: the SDK's recorder writes the extrinsics of images alone. Then the axes are
    taken as parallel, to which the SDK rotates the samples of a D435i before it delivers
    them (librealsense, doc/d435i.md).
    """
    try:
        return T_between(accel, depth_profile)[:3, :3]
    except RuntimeError:
        return np.eye(3)
