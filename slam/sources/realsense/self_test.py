"""A test of everything between a device's sensors and a frame, without a device."""

import time
from dataclasses import dataclass

import numpy as np

from slam.camera import Camera
from slam.config import RealSenseConfig
from slam.geometry import se3_exp
from slam.sources.lens import Lens
from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.registration import Registration
from slam.sources.realsense.sensors import SensorFeed
from slam.sources.realsense.software import SoftwareCamera
from slam.sources.streams.pairing import Pairing

SECONDS, FPS = 2, 30
CALIBRATION = Calibration(
    depth=Lens(Camera(640, 480, 385.0, 385.0, 319.5, 239.5)),
    depth_unit_m=0.001,
    fps=float(FPS),
    color=Lens(Camera(640, 480, 605.0, 605.0, 319.5, 239.5)),
    T_color_depth=se3_exp(np.array([0.015, 0.0, 0.0, 0.0, 0.0, 0.0])),
    baseline_m=0.05,
)


@dataclass(frozen=True)
class SelfTest:
    """What came through."""

    frames: int
    with_color: int
    registration_ms: float  # median


def self_test() -> SelfTest:
    """Push frames at their rate for two seconds, and take them through pairing and registration."""
    camera = SoftwareCamera(CALIBRATION)
    feed = SensorFeed(camera.device, RealSenseConfig(fps=FPS))
    pairing = Pairing(has_color=True, fps=CALIBRATION.fps)
    registration = Registration(CALIBRATION)
    depth = np.full((480, 640), 1500, np.uint16)
    color = np.full((480, 640, 3), 128, np.uint8)
    num_with_color, times_ms = 0, []
    start_s = time.monotonic()
    try:
        for number in range(1, SECONDS * FPS + 1):
            stamp_s = time.time()
            camera.push_depth(depth, number, stamp_s)
            camera.push_color(color, number, stamp_s)
            due_s = start_s + number / FPS
            while (left_s := due_s - time.monotonic()) > 0:
                for raw in pairing.next(feed.wait(left_s)):
                    before_s = time.perf_counter()
                    registered = registration.color(raw, registration.depth_m(raw.depth))
                    times_ms.append(1e3 * (time.perf_counter() - before_s))
                    num_with_color += registered is not None
    finally:
        feed.close()
    return SelfTest(len(times_ms), num_with_color, float(np.median(times_ms)) if times_ms else 0.0)
