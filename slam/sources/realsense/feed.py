"""What delivers raw frames: a camera or a recording by the SDK's pipeline, or single sensors."""

from typing import Protocol, runtime_checkable

from slam.sources.realsense.accelerometer import Accelerometer
from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.raw_frame import Delivery


@runtime_checkable
class Feed(Protocol):
    """A device that is streaming."""

    name: str
    calibration: Calibration
    is_live: bool
    accelerometer: Accelerometer | None  # None where there is none

    def wait(self, timeout_s: float) -> Delivery | None:
        """Return what comes next; None if nothing comes in time, or nothing will any more."""
        ...

    def is_over(self) -> bool:
        """Whether a recording has come to its end."""
        ...

    def close(self) -> None:
        """Stop streaming."""
        ...
