"""The one source that reads folders of images. A format only lists what lies in its folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from slam.camera import DepthNoise
from slam.config import PlaybackConfig
from slam.errors import BadFrameError, SlamError
from slam.frame import Frame
from slam.sources.depth_reader import DepthReader, DepthStorage, read_stored, z_of_rays
from slam.sources.depth_scale import checked_storage
from slam.sources.images import ColorImage, image_size, read_color
from slam.sources.rig import Registered, Rig, is_one_view
from slam.trajectory import Trajectory


def no_poses() -> Trajectory | None:
    """Return the true poses of a recording that has none."""
    return None


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: its frames, its camera and its true poses."""

    name: str
    rig: Rig
    storage: DepthStorage
    depth_noise: DepthNoise
    timestamps_s: Float64[np.ndarray, "n"]
    depth: Sequence[Path]
    color: Sequence[ColorImage | None]  # of each depth image; None where there is none
    no_color: str = "no image is listed for it"  # why there is none
    true_poses: Callable[[], Trajectory | None] = no_poses  # read when they are asked for
    confidence: Sequence[Path | None] | None = None  # of the depth readings: 0 (low), 1, 2
    accelerations: Sequence[Float64[np.ndarray, "3"] | None] | None = None


class ImageSequence:
    """Reads the frames of a listing: metres, RGB, and colour of the depth image's pixels.

    A frame whose colour is missing or damaged has none, and says why; one whose depth is damaged
    cannot be used.
    """

    def __init__(self, listing: Listing, config: PlaybackConfig | None = None) -> None:
        """Look at some first images, too; `SlamError` where they do not fit what the listing says,
        or have no depth in the range that is used.
        """
        self.name = listing.name
        self.camera = listing.rig.camera
        self.is_undistorted = listing.rig.is_undistorted
        self.depth_noise = listing.depth_noise
        self.timestamps_s = listing.timestamps_s
        self._listing = listing
        self._rigs: dict[tuple[int, int], Rig] = {}  # by the size of the colour image
        self._z_of_ray = z_of_rays(self.camera) if listing.storage.kind == "ray" else None
        storage = checked_storage(
            lambda index: read_stored(listing.depth[index]),
            len(listing.depth),
            listing.storage,
            self.camera,
            listing.name,
            config or PlaybackConfig(),
        )
        self._depth_reader = DepthReader(self.camera, storage)
        self._check_color()

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        listing = self._listing
        confidence = None if listing.confidence is None else listing.confidence[index]
        depth_m = listing.rig.depth(self._depth_reader.read(listing.depth[index], confidence))
        if self._z_of_ray is not None:
            depth_m = depth_m * self._z_of_ray
        registered, no_color = self._color(index, depth_m)
        felt = None if listing.accelerations is None else listing.accelerations[index]
        return Frame(
            index,
            float(self.timestamps_s[index]),
            self.camera,
            depth_m,
            registered.color if registered else None,
            self.depth_noise,
            acceleration=felt,
            color_mask=registered.mask if registered else None,
            no_color=no_color,
        )

    def ground_truth(self) -> Trajectory | None:
        """Return the true poses (T_world_camera of the depth camera), where there are any."""
        return self._true_poses

    @cached_property
    def _true_poses(self) -> Trajectory | None:
        return self._listing.true_poses()  # once: what is wrong with them is told each time

    def _color(
        self, index: int, depth_m: Float32[np.ndarray, "h w"]
    ) -> tuple[Registered | None, str]:
        """Return the colour of the depth image's pixels, or why there is none."""
        image = self._listing.color[index]
        if image is None:
            return None, self._listing.no_color
        try:
            color = read_color(image)
            rig = self._rig_for((color.shape[1], color.shape[0]))
            return rig.registered(color, depth_m), ""
        except BadFrameError as error:
            return None, str(error)

    def _rig_for(self, size: tuple[int, int]) -> Rig:
        """Return the rig of colour images of a size; they may show the view of another size."""
        if size not in self._rigs:
            rig = self._listing.rig
            height, width = rig.color_size
            if not is_one_view(size, (width, height)):
                raise BadFrameError(
                    f"colour is {size[0]}x{size[1]}, {width}x{height} is expected: not one view in "
                    f"two sizes"
                )
            self._rigs[size] = rig.for_color_of(*size)
        return self._rigs[size]

    def _check_color(self) -> None:
        """Refuse at once what would leave all frames without colour."""
        first = next((image for image in self._listing.color if image is not None), None)
        if first is None:
            return
        try:
            size = image_size(first)
        except BadFrameError:  # one damaged image: it will be told with its frame
            return
        try:
            self._rig_for(size)
        except BadFrameError as error:
            raise SlamError(
                f"{self.name}: {error}; cut colour to that view, state color_camera in "
                f"camera.yaml, or leave colour out"
            ) from error
