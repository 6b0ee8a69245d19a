"""What every source delivers: metres, seconds, RGB, OpenCV axes, registered colour, 0 = missing."""

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
