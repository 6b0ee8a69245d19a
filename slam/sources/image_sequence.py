"""The one source that reads folders of images. A format only lists what lies in its folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.sources.depth_reader import DepthReader
from slam.sources.images import read_color_or_none
from slam.sources.registered import require_same_size
from slam.trajectory import Trajectory

FitColor = Callable[
    [UInt8[np.ndarray, "a b 3"], Float32[np.ndarray, "h w"]], UInt8[np.ndarray, "h w 3"]
]


def no_poses() -> Trajectory | None:
    """Return the true poses of a recording that has none."""
    return None


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: its frames, its camera and its true poses. No image is read for it."""

    name: str
    camera: Camera  # of the depth images
    depth_scale: float  # stored value of one metre
    depth_noise: DepthNoise
    timestamps_s: Float64[np.ndarray, "n"]
    depth: Sequence[Path]
    color: Sequence[Path | None]  # of each depth image; None where there is none
    true_poses: Callable[[], Trajectory | None] = no_poses  # read when they are asked for
    fit_color: FitColor | None = None  # to depth's pixels; None = it has them already
    accelerations: Sequence[Float64[np.ndarray, "3"] | None] | None = None


class ImageSequence:
    """Reads the frames of a listing: metres, RGB, and colour of the depth image's pixels.

    A frame whose colour is missing or damaged has none; one whose depth is damaged cannot be used.
    """

    def __init__(self, listing: Listing) -> None:
        self.name = listing.name
        self.camera = listing.camera
        self.depth_noise = listing.depth_noise
        self.timestamps_s = listing.timestamps_s
        self._listing = listing
        self._depth_reader = DepthReader(listing.camera, listing.depth_scale)

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        listing = self._listing
        depth_m = self._depth_reader.read(listing.depth[index])
        color = read_color_or_none(listing.color[index])
        if color is not None and listing.fit_color is not None:
            color = listing.fit_color(color, depth_m)
        require_same_size(depth_m, color, listing.depth[index].name)
        felt = None if listing.accelerations is None else listing.accelerations[index]
        stamp_s = float(self.timestamps_s[index])
        return Frame(
            index, stamp_s, self.camera, depth_m, color, self.depth_noise, acceleration=felt
        )

    def ground_truth(self) -> Trajectory | None:
        """Return the true poses (T_world_camera of the depth camera), where there are any."""
        return self._listing.true_poses()
