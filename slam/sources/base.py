"""What every source delivers: metres, seconds, RGB, OpenCV axes, registered colour, 0 = missing."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.trajectory import Trajectory


@runtime_checkable  # the tests check argument types at run time
class Source(Protocol):
    """A recording (or a rendered scene) with random access."""

    name: str
    camera: Camera
    depth_noise: DepthNoise
    timestamps_s: Float64[np.ndarray, "n"]

    def read(self, index: int) -> Frame:
        """Return frame `index`; raise `BadFrameError` if that one frame cannot be used."""
        ...

    def ground_truth(self) -> Trajectory | None:
        """Return the true poses, if any. Only evaluation and --use-gt-poses may ask."""
        ...


@dataclass(frozen=True)
class Outage:
    """No frame: what a stream yields while its camera is silent."""

    reason: str


@runtime_checkable
class Stream(Protocol):
    """A camera, or a recording that can only be played from its start."""

    name: str
    camera: Camera
    depth_noise: DepthNoise
    period_s: float  # between frames
    is_live: bool  # frames come when they come, and those that nobody takes in time are gone

    def frames(self) -> Generator[Frame | Outage, None, None]:
        """Yield frames in order, by indices that count also those that the device lost.

        No step takes much longer than half a second while a camera is silent: then it yields an
        `Outage`. Closing the iterator lets go of the device.
        """
        ...

    def ground_truth(self) -> Trajectory | None:
        """Return the true poses, if any."""
        ...
