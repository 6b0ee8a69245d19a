"""Whether the colour of a frame contradicts its depth, as colour of another moment does.

Depth alone is then followed: it says where its own camera is, while both together come to rest in
between. Cameras that are not synchronised, and those with a rolling shutter, have their colour off
by a part of a frame, too; that is no contradiction. Nor is a near thing that moves, which outweighs
the room in a fit to the depth: most of the surface does not go with it.
"""

from math import isinf

import numpy as np

from slam.geometry import Transform, inverse, is_elsewhere, rotation_angle_rad
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.prepare import PreparedFrame
from slam.tracking.tiles import MUCH_BETTER, NUM_TILES, EarlierView, overlap, voices

MIN_GAIN = 0.04  # of the readings that meet the map, or
MIN_MOTION = 0.5  # of the camera since the frame before, that the poses are apart
MIN_SIGMAS = 3.0  # of the pose by depth alone
LEAST_M = 0.002
LEAST_PULL_M = 0.001  # of depth alone; where colour of another moment is found, 8 mm or more
LEAST_TURN_RAD = 0.0005
MIN_OVERLAP = 0.5  # with the earlier view
MAX_DISSENT = 0.15  # of its surface; above, blur or a mover speaks, not the time of colour


def may_contradict(result: TrackResult, T_before: Transform, is_suspected: bool) -> bool:
    """Whether it is worth asking depth alone: if it pulls at the pose; and where it leaves the pose
    open, if the camera moved since `T_before`, the last one, or a delay is suspected. Of a camera
    that stands still none of that is so.
    """
    if result.likeness is None:
        return False
    if result.pull_m is None:
        return True
    if not isinf(result.pull_m):
        return result.pull_m > LEAST_PULL_M
    has_moved = is_elsewhere(T_before, result.T_world_camera, LEAST_PULL_M, LEAST_TURN_RAD)
    return is_suspected or has_moved


def contradicts(
    result: TrackResult,
    by_depth: TrackResult,
    T_before: Transform,
    prepared: PreparedFrame,
    view: EarlierView | None,
) -> bool:
    """Whether depth alone says for certain that the camera is elsewhere: with a much better fit, or
    by much of what it moved since `T_before`, the last pose; and in most of an earlier view, too.
    """
    gain = by_depth.inlier_ratio - result.inlier_ratio
    if view is None or by_depth.state is TrackState.LOST or by_depth.is_open or gain < 0.0:
        return False
    lever_m = float(np.median(prepared.cloud.points[:, 2]))
    apart_m = _apart_m(result.T_world_camera, by_depth.T_world_camera, lever_m)
    moved_m = _apart_m(T_before, by_depth.T_world_camera, lever_m)
    if apart_m < max(LEAST_M, MIN_SIGMAS * by_depth.uncertainty_m):
        return False
    if gain < MIN_GAIN and apart_m < MIN_MOTION * moved_m:
        return False
    limit = min(MAX_DISSENT, MUCH_BETTER * _dissent(view, prepared, result))
    return _dissent(view, prepared, by_depth) < limit


def _dissent(view: EarlierView, prepared: PreparedFrame, result: TrackResult) -> float:
    """Return the share of the surface of an earlier view whose depth contradicts a pose."""
    T_world_camera = result.T_world_camera
    if overlap(view, prepared, T_world_camera) < MIN_OVERLAP:
        return 1.0
    by_depth = view._replace(texture=None)
    return voices(by_depth, prepared, T_world_camera, np.ones(NUM_TILES)).dissent()


def _apart_m(T_a: Transform, T_b: Transform, lever_m: float) -> float:
    """Return how far two poses put readings at a distance apart."""
    T = inverse(T_a) @ T_b
    return float(np.linalg.norm(T[:3, 3])) + lever_m * rotation_angle_rad(T[:3, :3])
