"""Finding the surface along rays: steps as long as the distance says, within what was observed."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from slam.camera import Camera
from slam.geometry import Transform
from slam.maps.implicit.observed import BLOCK_M, Observed

NEAR_M, FAR_M = 0.1, 8.0
STEP_M = BLOCK_M / 2  # through what was not observed, and at most
SHORTEST_M = 0.01
CAUTION = 0.8  # of the distance: a network's slope is not quite 1

# signed distance (n,) at world points (n, 3), NaN where it is not known
SignedDistance = Callable[[Float32[np.ndarray, "n 3"]], Float32[np.ndarray, "n"]]


class Rays(NamedTuple):
    """Rays of a camera's pixels, 1 long in z."""

    center_m: Float32[np.ndarray, "3"]
    directions: Float32[np.ndarray, "n 3"]

    def at(self, rays: np.ndarray, depth_m: Float32[np.ndarray, "n"]) -> Float32[np.ndarray, "n 3"]:
        """Return the world points of some rays at a depth."""
        return self.center_m + depth_m[:, None] * self.directions[rays]


def camera_rays(camera: Camera, T_world_camera: Transform) -> Rays:
    """Return the rays of all pixels, row by row."""
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    ones = np.ones(camera.height * camera.width, np.float32)
    rays = camera.unproject(u.ravel(), v.ravel(), ones)
    T = np.ascontiguousarray(T_world_camera, np.float32)
    return Rays(T[:3, 3].copy(), np.ascontiguousarray(rays @ T[:3, :3].T))


def trace(rays: Rays, observed: Observed, signed_distance_m: SignedDistance) -> np.ndarray:
    """Return the depth at which each ray first goes from free space through a surface, (n,); 0
    where it meets none. What was not observed ends free space: nothing is interpolated across it.
    """
    n = len(rays.directions)
    hit_m = np.zeros(n, np.float32)
    slant = np.linalg.norm(rays.directions, axis=1)
    active = np.arange(n)
    depth_m, before_m = np.full(n, NEAR_M, np.float32), np.zeros(n, np.float32)
    before_sdf_m = np.full(n, np.nan, np.float32)  # at before_m
    while len(active):
        points = rays.at(active, depth_m)
        is_seen = observed.find(points) >= 0
        sdf_m = np.full(len(active), np.nan, np.float32)
        if is_seen.any():
            sdf_m[is_seen] = signed_distance_m(points[is_seen])
        is_hit = (before_sdf_m > 0.0) & (sdf_m <= 0.0)
        share = before_sdf_m[is_hit] / (before_sdf_m[is_hit] - sdf_m[is_hit])
        way_m = depth_m[is_hit] - before_m[is_hit]
        hit_m[active[is_hit]] = before_m[is_hit] + share * way_m
        step_m = np.clip(CAUTION * np.abs(sdf_m), SHORTEST_M, STEP_M)
        next_m = depth_m + np.where(np.isnan(sdf_m), STEP_M, step_m) / slant[active]
        on = ~is_hit & (next_m < FAR_M)
        before_m, before_sdf_m = depth_m[on], sdf_m[on]
        active, depth_m = active[on], next_m[on].astype(np.float32)
    return hit_m
