"""What every source delivers: metres, seconds, RGB, OpenCV axes, colour registered to depth, 0 for missing."""

from typing import Protocol

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.trajectory import Trajectory


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
        """Return the true poses, where the recording has them. Only evaluation and --use-gt-poses may ask."""
        ...
