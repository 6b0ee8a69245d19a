"""The one source that reads folders of images. A format only lists what lies in its folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.camera import DepthNoise
from slam.frame import Frame
from slam.sources.depth_reader import DepthReader
from slam.sources.images import read_color_or_none
from slam.sources.rig import Rig
from slam.trajectory import Trajectory


def no_poses() -> Trajectory | None:
    """Return the true poses of a recording that has none."""
    return None


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: its frames, its camera and its true poses. No image is read for it."""

    name: str
    rig: Rig
    depth_scale: float  # stored value of one metre
    depth_noise: DepthNoise
    timestamps_s: Float64[np.ndarray, "n"]
    depth: Sequence[Path]
    color: Sequence[Path | None]  # of each depth image; None where there is none
    true_poses: Callable[[], Trajectory | None] = no_poses  # read when they are asked for
    accelerations: Sequence[Float64[np.ndarray, "3"] | None] | None = None


class ImageSequence:
    """Reads the frames of a listing: metres, RGB, and colour of the depth image's pixels.

    A frame whose colour is missing or damaged has none; one whose depth is damaged cannot be used.
    """

    def __init__(self, listing: Listing) -> None:
        self.name = listing.name
        self.camera = listing.rig.camera
        self.is_undistorted = listing.rig.is_undistorted
        self.depth_noise = listing.depth_noise
        self.timestamps_s = listing.timestamps_s
        self._listing = listing
        self._depth_reader = DepthReader(self.camera, listing.depth_scale)

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        listing = self._listing
        depth_m = listing.rig.depth(self._depth_reader.read(listing.depth[index]))
        color = read_color_or_none(listing.color[index])
        mask = None
        if color is not None:
            color, mask = listing.rig.registered(color, depth_m)
        return Frame(
            index,
            float(self.timestamps_s[index]),
            self.camera,
            depth_m,
            color,
            self.depth_noise,
            acceleration=None if listing.accelerations is None else listing.accelerations[index],
            color_mask=mask,
        )

    def ground_truth(self) -> Trajectory | None:
        """Return the true poses (T_world_camera of the depth camera), where there are any."""
        return self._listing.true_poses()
