"""A software camera that pushes at its frame rate from a thread of its own, and what can go wrong
with it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.sensors import SensorFeed
from slam.sources.realsense.software import SoftwareCamera
from slam.sources.realsense.stream import RealSenseStream

from .conftest import Shot, push

Push = Callable[["LiveCamera", Shot], None]


def config_for(calibration: Calibration) -> RealSenseConfig:
    """The config whose profiles a software camera has."""
    depth = calibration.depth.camera
    color = depth if calibration.color is None else calibration.color.camera
    return RealSenseConfig(
        width=depth.width,
        height=depth.height,
        color_width=color.width,
        color_height=color.height,
        fps=int(calibration.fps),
    )


class LiveCamera:
    """Pushes shots on time; `push` may do otherwise. While unplugged it cannot be opened."""

    def __init__(
        self, calibration: Calibration, shots: Sequence[Shot], push: Push | None = None
    ) -> None:
        self.software = SoftwareCamera(calibration)
        self.is_plugged = True
        self.num_opened = 0
        self.config = config_for(calibration)
        self._shots = shots
        self._push = push
        self._period_s = 1.0 / calibration.fps
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def is_started(self) -> bool:
        """Whether it pushes, or has."""
        return self._thread.ident is not None

    def start(self) -> None:
        """Begin to push."""
        self._thread.start()

    def connect(self) -> SensorFeed:
        """Open the device, as long as it is plugged in."""
        if not self.is_plugged:
            raise SlamError("no RealSense camera is connected")
        self.num_opened += 1
        return SensorFeed(self.software.device, self.config)

    def stream(self, **config: Any) -> RealSenseStream:
        """Open the device as a stream that reconnects."""
        self.config = replace(self.config, **config)
        return RealSenseStream(self.connect, self.config)

    def _run(self) -> None:
        next_s = time.monotonic()
        # The SDK's syncer pairs nothing while a device's clock is far from the computer's.
        offset_s = time.time() - self._shots[0].timestamp_s
        for shot in self._shots:
            if self._stop.wait(max(0.0, next_s - time.monotonic())):
                return
            next_s += self._period_s
            away_s = time.monotonic() - next_s
            if away_s > 1.0:  # unplugged: frames of that time were never taken
                next_s, offset_s = next_s + away_s, offset_s + away_s
            shot = replace(shot, timestamp_s=shot.timestamp_s + offset_s)
            if self._push is None:
                push(self.software, shot)
            else:
                self._push(self, shot)

    def close(self) -> None:
        """Push no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
