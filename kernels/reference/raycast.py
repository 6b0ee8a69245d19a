"""Ray casting of the TSDF in plain numpy, float64: the definition.

A ray is sampled every half voxel from the near to the far end. The hit is the first sample at or
below 0 whose predecessor is above 0, both in known cells; bisection between the two finds the zero
crossing. Where no reading was near that, the ray shows nothing.
"""

import numpy as np

from kernels.blocks import BlockIndex
from kernels.reference.query import CORNERS, Cells, read_cells
from kernels.tsdf import WEIGHT_UNIT, RenderedArrays, TsdfBlocks

STEP_VOXELS = 0.5
NUM_BISECTIONS = 20


def raycast(
    index: BlockIndex,
    blocks: TsdfBlocks,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    voxel_size_m: float,
    sdf_unit_m: float,
    truncation_m: float,
    depth_range_m: tuple[float, float],
) -> RenderedArrays:
    """See `kernels.tsdf.raycast`. `truncation_m` only tells faster versions how far to step."""
    h, w = image_size
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    T = T_world_camera.astype(np.float64)
    v, u = np.mgrid[:h, :w]
    rays_camera = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones((h, w))], axis=-1)
    rays = rays_camera.reshape(-1, 3) @ T[:3, :3].T / voxel_size_m  # voxels along 1 m of z-depth
    origin = T[:3, 3] / voxel_size_m

    def cells_at(which: np.ndarray, t: np.ndarray) -> Cells:
        return read_cells(index, blocks, origin + t[:, None] * rays[which])

    depth_m = np.zeros(h * w)
    before, after = _bracket(cells_at, rays, depth_range_m)
    hits = np.flatnonzero(after > 0)
    t = _bisect(cells_at, hits, before[hits], after[hits])
    cells = cells_at(hits, t)
    is_surface = cells.is_known & cells.is_read()
    hits, t = hits[is_surface], t[is_surface]
    cells = cells_at(hits, t)
    depth_m[hits] = t

    normals = np.zeros((h * w, 3))
    gradient = cells.gradient()
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    normals[hits] = gradient / np.where(length > 0, length, 1.0)

    color = np.zeros((h * w, 3), np.uint8)
    color[hits] = _mean_color(cells)
    confidence = np.zeros(h * w)
    confidence[hits] = sum(cells.shares(c) * cells.corners[c].weight for c in range(8))
    return RenderedArrays(
        depth_m.astype(np.float32).reshape(h, w),
        normals.astype(np.float32).reshape(h, w, 3),
        color.reshape(h, w, 3),
        (confidence * WEIGHT_UNIT).astype(np.float32).reshape(h, w),
    )


def _bracket(cells_at, rays, depth_range_m) -> tuple[np.ndarray, np.ndarray]:
    """Return the depths of the samples around the first crossing of each ray, 0 where none is."""
    num_rays = len(rays)
    near, far = depth_range_m
    step = STEP_VOXELS / np.linalg.norm(rays, axis=1)
    t = np.full(num_rays, near)
    before, after = np.zeros(num_rays), np.zeros(num_rays)
    was_free = np.zeros(num_rays, bool)
    active = np.flatnonzero(t < far)
    while len(active):
        cells = cells_at(active, t[active])
        distance = cells.distance()
        is_hit = cells.is_known & (distance <= 0) & was_free[active]
        hits = active[is_hit]
        before[hits], after[hits] = t[hits] - step[hits], t[hits]
        was_free[active] = cells.is_known & (distance > 0)
        t[active] += step[active]
        active = active[~is_hit & (t[active] < far)]
    return before, after


def _bisect(cells_at, which, before, after) -> np.ndarray:
    """Return the crossing between samples in front of the surface and behind it."""
    for _ in range(NUM_BISECTIONS):
        middle = (before + after) / 2.0
        is_behind = cells_at(which, middle).distance() <= 0
        before, after = np.where(is_behind, before, middle), np.where(is_behind, middle, after)
    return (before + after) / 2.0


def _mean_color(cells: Cells) -> np.ndarray:
    """Return the trilinear colour, uint8 (n, 3), over the corners that have one, or black."""
    total = np.zeros(len(cells.fractions))
    mixed = np.zeros((len(cells.fractions), 3))
    for c in range(len(CORNERS)):
        color = cells.corners[c].color
        share = np.where(color[:, 3] > 0, cells.shares(c), 0.0)
        total += share
        mixed += share[:, None] * color[:, :3]
    has_color = total > 0
    mean = mixed / np.where(has_color, total, 1.0)[:, None]
    return np.where(has_color[:, None], np.floor(mean + 0.5), 0.0).astype(np.uint8)
