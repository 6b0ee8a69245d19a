"""Where meshes differ: over their whole surface, and in what a camera would see of them."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64

from slam.camera import Camera
from slam.evaluation.mesh import is_seen
from slam.evaluation.surface import Surface
from slam.geometry import Transform, is_elsewhere

LIMIT_M = 0.05  # colours end here, and no pixel counts more
_NUM_POINTS = 100_000
_SEARCH_WIDTH = 80
_OTHER_PLACE_M, _OTHER_TURN_RAD = 0.7, math.radians(35.0)


@dataclass(frozen=True)
class MeshDifference:
    """Distances from points on a mesh to the other mesh; of several, to the one furthest away."""

    mean_cm: float
    median_cm: float
    p95_cm: float
    within_1_cm: float  # share of the points
    within_5_cm: float


@dataclass(frozen=True)
class MeshDifferences:
    """How far several meshes are apart: all points together, those of each, and pair by pair."""

    whole: MeshDifference
    each: list[MeshDifference]
    pairs: dict[tuple[int, int], MeshDifference]


@dataclass(frozen=True)
class DepthSpread:
    """How far apart the depths of several meshes are in one view."""

    spread_m: Float32[np.ndarray, "h w"]  # largest minus smallest, where all show something
    is_everywhere: Bool[np.ndarray, "h w"]  # every mesh shows something
    is_one_sided: Bool[np.ndarray, "h w"]  # only some do

    @property
    def score_m(self) -> float:
        """Mean over the pixels that any mesh shows, up to the limit, which is also what a pixel
        counts that not all show.
        """
        num_pixels = int(self.is_everywhere.sum() + self.is_one_sided.sum())
        capped_m = np.minimum(self.spread_m[self.is_everywhere], LIMIT_M)
        total_m = float(capped_m.sum(dtype=np.float64)) + LIMIT_M * int(self.is_one_sided.sum())
        return total_m / num_pixels if num_pixels else 0.0


def mesh_differences(
    surfaces: Sequence[Surface],
    camera: Camera,
    Ts_world_camera: Float64[np.ndarray, "n 4 4"],
    seed: int = 0,
) -> MeshDifferences:
    """Compare every mesh with the others.

    Only those points count that some of the views sees of their own mesh: what one system mapped
    while another was lost, or had not yet begun, is no difference of the meshes.
    """
    between_m = {}  # of points on one mesh to another
    furthest = []
    for k, surface in enumerate(surfaces):
        points = surface.sample(_NUM_POINTS, seed + k)
        points = points[is_seen(points, surface, camera, Ts_world_camera)]
        others = [j for j in range(len(surfaces)) if j != k]
        between_m |= {(k, j): surfaces[j].distances_m(points) for j in others}
        furthest.append(np.max([between_m[k, j] for j in others], axis=0))
    pairs = {
        (k, j): _difference(np.concatenate([between_m[k, j], between_m[j, k]]))
        for k, j in itertools.combinations(range(len(surfaces)), 2)
    }
    whole = _difference(np.concatenate(furthest))
    return MeshDifferences(whole, [_difference(each) for each in furthest], pairs)


def furthest_m(
    points: Float32[np.ndarray, "n 3"], surfaces: Sequence[Surface]
) -> Float32[np.ndarray, "n"]:
    """Return each point's distance to the surface that is furthest from it."""
    return np.max([surface.distances_m(points) for surface in surfaces], axis=0)


def depth_spread(
    surfaces: Sequence[Surface], camera: Camera, T_world_camera: Transform
) -> DepthSpread:
    """Compare what a camera would see of every mesh."""
    depths_m = np.stack([surface.depth_m(camera, T_world_camera) for surface in surfaces])
    num_showing = np.count_nonzero(depths_m > 0.0, axis=0)
    is_everywhere = np.equal(num_showing, len(surfaces))
    spread_m = np.where(is_everywhere, np.ptp(depths_m, axis=0), np.float32(0.0))
    return DepthSpread(spread_m, is_everywhere, np.greater(num_showing, 0) & ~is_everywhere)


def worst_views(
    surfaces: Sequence[Surface],
    camera: Camera,
    Ts_world_camera: Float64[np.ndarray, "n 4 4"],
    num_views: int,
) -> list[int]:
    """Find the poses where the meshes differ most in view, each from another place than the worse
    ones or turned away from them.
    """
    small = camera.scaled(_SEARCH_WIDTH / camera.width)
    scores_m = [depth_spread(surfaces, small, T).score_m for T in Ts_world_camera]
    chosen: list[int] = []
    for k in np.argsort(scores_m)[::-1]:
        is_new = all(
            is_elsewhere(T_chosen, Ts_world_camera[k], _OTHER_PLACE_M, _OTHER_TURN_RAD)
            for T_chosen in Ts_world_camera[chosen]
        )
        if is_new and len(chosen) < num_views and scores_m[k] > 0.0:
            chosen.append(int(k))
    return chosen


def _difference(distances_m: Float32[np.ndarray, "n"]) -> MeshDifference:
    if not len(distances_m):
        return MeshDifference(*np.full(5, np.nan).tolist())
    median_m, p95_m = np.percentile(distances_m, [50.0, 95.0])
    return MeshDifference(
        mean_cm=100.0 * float(np.mean(distances_m, dtype=np.float64)),
        median_cm=100.0 * float(median_m),
        p95_cm=100.0 * float(p95_m),
        within_1_cm=float(np.mean(distances_m < 0.01)),
        within_5_cm=float(np.mean(distances_m < 0.05)),
    )
