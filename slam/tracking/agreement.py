"""Whether two views of the same place can both be true, as their poses have it."""

from typing import NamedTuple

import cv2
import numpy as np

from slam.geometry import Transform, inverse, transform_points
from slam.tracking.prepare import CLOUD_LEVEL, PointCloud, PreparedFrame

NEAR_M = 0.05  # points nearer to the camera's plane do not project
MAX_SIGMAS = 4.2  # by which two readings of one surface differ: 3 standard deviations of each
MIN_OVERLAP = 0.3  # below, a view tells too little of another
MAX_CONTRADICTED = 0.03  # of a pose that is right, as edges and gross errors have it
MAX_MOVED = 0.35  # of the view, where all else looks as before: something moves, not the camera
MIN_SAME = 0.75  # of the textured pixels, of which that is said


class Agreement(NamedTuple):
    """How a frame at a pose fits what was seen before."""

    overlap: float  # share of the frame's points that the earlier view can tell of
    contradicted: float  # share of these, in either view, in space that the other saw to be free
    same: float | None  # share of the textured pixels that look the same; None without colour

    @property
    def score(self) -> float:
        """How well the pose explains both views: to compare poses of one frame."""
        same = 1.0 if self.same is None else self.same
        return min(1.0, self.overlap / MIN_OVERLAP) * (1.0 - self.contradicted) * same

    @property
    def is_believed(self) -> bool:
        """Whether nothing speaks against the pose but what may have moved meanwhile."""
        if self.overlap < MIN_OVERLAP:
            return False
        if self.contradicted <= MAX_CONTRADICTED:
            return True
        return self.contradicted <= MAX_MOVED and self.same is not None and self.same >= MIN_SAME


class Sight(NamedTuple):
    """What a view tells of points in its camera's frame: how many lie in known directions, agree
    with the surface there, and float in front of it.
    """

    num_known: int
    num_agreeing: int
    num_floating: int

    @property
    def contradicted(self) -> float:
        """Return the share of the floating ones; those behind the surface are hidden by it."""
        return self.num_floating / max(self.num_agreeing + self.num_floating, 1)


def seen_from(view: PreparedFrame, cloud: PointCloud, T_view_cloud: Transform) -> Sight:
    """Compare a cloud with another view's depth.

    A point agrees if it lies within the noise of the span of the nine pixels round its projection,
    so that a slope or an edge is no contradiction.
    """
    camera, depth_m = view.levels[CLOUD_LEVEL].camera, view.levels[CLOUD_LEVEL].depth_m
    points = transform_points(T_view_cloud, cloud.points)
    points = points[points[:, 2] > NEAR_M]
    z = points[:, 2]
    u = np.floor(points[:, 0] / z * camera.fx + (camera.cx + 0.5)).astype(np.int32)
    v = np.floor(points[:, 1] / z * camera.fy + (camera.cy + 0.5)).astype(np.int32)
    is_inside = (u >= 0) & (v >= 0) & (u < camera.width) & (v < camera.height)
    u, v, z = u[is_inside], v[is_inside], z[is_inside]
    around = np.ones((3, 3), np.uint8)
    far_m = cv2.dilate(depth_m, around)[v, u]
    near_m = cv2.erode(np.where(depth_m > 0, depth_m, np.float32(1e9)), around)[v, u]
    tolerance_m = MAX_SIGMAS * view.frame.depth_noise.sigma_m(z)
    is_known = far_m > 0
    is_floating = is_known & (z < near_m - tolerance_m)
    is_agreeing = is_known & ~is_floating & (z <= far_m + tolerance_m)
    return Sight(*(int(np.count_nonzero(x)) for x in (is_known, is_agreeing, is_floating)))


def compared(here: PreparedFrame, there: PreparedFrame, T_there_here: Transform) -> Agreement:
    """Compare the depth of two frames of one sensor, both ways."""
    forth = seen_from(there, here.cloud, T_there_here)
    back = seen_from(here, there.cloud, inverse(T_there_here))
    overlap = forth.num_known / max(len(here.cloud.points), 1)
    return Agreement(overlap, max(forth.contradicted, back.contradicted), None)
