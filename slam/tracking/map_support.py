"""Whether a frame can have been taken from a pose, going by what the map shows from there."""

from typing import NamedTuple

import numpy as np

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map, tracked_map
from slam.tracking.base import TrackResult, TrackState

COLUMNS = 50  # of pixels compared, about
TOLERANCE_M = 0.05  # beside the noise: surface in the map is as wrong where it is seen aslant
TOLERANCE_SIGMAS = 4.0
MIN_KNOWN = 0.3  # share of the readings that must meet the map to believe a recognised pose
MIN_AGREEING = 0.9  # share of those that must lie on its surface: 0.4 at wrong poses, 0.95 at right
MIN_FITTING = 0.55  # share of those that must be inliers, which tells poses that are nearly right


class Support(NamedTuple):
    """What a frame and the map's rendering have in common."""

    known: float  # share of the readings where the map shows surface, too
    agreeing: float  # share of those that lie on it


def support(map_: Map, frame: Frame, T_world_camera: Transform) -> Support:
    """Compare a frame's readings with the surface that the map shows from a pose.

    A reading behind that surface was seen through it, and one before it lies in space that the map
    was seen through.
    """
    step = max(1, round(frame.camera.width / COLUMNS))
    camera = frame.camera.scaled(1.0 / step)
    first = step // 2
    depth_m = frame.depth_m[first::step, first::step][: camera.height, : camera.width]
    shown_m = tracked_map(map_).render(camera, T_world_camera).depth_m
    is_read = depth_m > 0
    is_known = is_read & (shown_m > 0)
    sigma_m = frame.depth_noise.sigma_m(depth_m)
    is_equal = np.abs(depth_m - shown_m) < TOLERANCE_M + TOLERANCE_SIGMAS * sigma_m
    num_known = int(np.count_nonzero(is_known))
    return Support(
        num_known / max(int(np.count_nonzero(is_read)), 1),
        int(np.count_nonzero(is_known & is_equal)) / max(num_known, 1),
    )


def is_borne_out(map_: Map, frame: Frame, result: TrackResult) -> bool:
    """Whether a map bears out a pose that came from elsewhere. Where the view leaves a direction
    open, it would bear out a place that only looks alike.
    """
    if result.state is TrackState.LOST or result.is_open:
        return False
    found = support(map_, frame, result.T_world_camera)
    is_seen = found.known > MIN_KNOWN and found.agreeing > MIN_AGREEING
    return is_seen and bool(result.inlier_ratio > MIN_FITTING * found.known)
