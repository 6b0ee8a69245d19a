"""A map evens out what its camera does to the exposure."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from slam.exposure import (
    BRIGHTEST,
    Gain,
    color_gain,
    exposed,
    sparse_colors,
    sparse_pixels,
    sparse_points,
)
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import UNSEEN_COLOR

EVERY = 3  # frames; in between a camera changes its exposure by little
# of a gain that is taken out; by the rest the map follows, so that it shows a place about as
# bright as the frames do that see it
SHARE = 0.5
SETTLED = 60  # frames; till then more and more of it is taken: cameras settle at first, too
LEAST = 0.03  # a relative difference that is left: a fixed exposure stays as it is, to the bit


class Exposures:
    """Brings the colours of frames nearer to the exposure of a map."""

    def __init__(self) -> None:
        self._gains: dict[int, Gain] = {}  # by index of the frame
        self._last: Gain = np.ones(3)

    def evened(
        self,
        frame: Frame,
        T_world_camera: Transform,
        color: Callable[[Float32[np.ndarray, "n 3"]], UInt8[np.ndarray, "n 3"]],
    ) -> Frame:
        """Return a posed frame whose exposure is nearer to the map's; `color` is the map's colour
        at world points.
        """
        if frame.color is None:
            return frame
        if len(self._gains) % EVERY == 0:
            self._compare(frame, T_world_camera, color)
        self._gains[frame.index] = self._last
        return self.again(frame)

    def _compare(
        self,
        frame: Frame,
        T_world_camera: Transform,
        color: Callable[[Float32[np.ndarray, "n 3"]], UInt8[np.ndarray, "n 3"]],
    ) -> None:
        assert frame.color is not None
        depth_m, seen = sparse_pixels(frame.depth_m), sparse_colors(frame.color)
        is_known = depth_m > 0.0
        if frame.color_mask is not None:
            is_known &= sparse_pixels(frame.color_mask)
        points = sparse_points(frame.camera, depth_m)[is_known]
        shown = color((points @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]).astype("f4"))
        has_color = (shown != UNSEEN_COLOR).any(axis=1)
        gain = color_gain(shown[has_color], seen[is_known][has_color])
        if gain is not None:
            share = SHARE * min(1.0, len(self._gains) / SETTLED)
            self._last = gain**share if np.abs(np.log(gain)).max() > LEAST else np.ones(3)

    def again(self, frame: Frame) -> Frame:
        """Return a frame that was evened before, read anew, as it was then."""
        gain = self._gains.get(frame.index)
        if frame.color is None or gain is None or (gain == 1.0).all():
            return frame
        evened = exposed(frame.color, 1.0 / gain)
        # saturated is at least so bright: white does not become grey
        saturated = cv2.threshold(frame.color, BRIGHTEST, 255, cv2.THRESH_TOZERO)[1]
        return replace(frame, color=cv2.max(evened, saturated))
