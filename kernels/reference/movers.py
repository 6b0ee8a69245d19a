"""Movers in plain numpy, in terms of other ops: the definition."""

import numpy as np

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.movers import (
    ANY_LENGTH_M,
    FREE_M,
    LATTICE,
    MEMORY,
    SPACING_M,
    TRUNCATION_M,
    FreeSpace,
)
from kernels.tsdf import TsdfGrid


def remember(
    space: FreeSpace,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    T_camera_world: np.ndarray,
    stamp: int,
) -> None:
    """See `kernels.movers.remember`."""
    h, w = depth_m.shape
    middle_m = np.where(depth_m > 0, np.float32(0.5) * (depth_m + np.float32(TRUNCATION_M)), 0.0)
    num = block_ops.touch_band(
        space.grid.blocks, middle_m.astype(np.float32), intrinsics, T_world_camera, 8 * SPACING_M,
        space.whole_ray, ANY_LENGTH_M, 2 * LATTICE, space.stamps, stamp, space.visible,
    )  # fmt: skip
    visible = space.visible[:num]
    if num < 0:  # no room for all
        visible = np.flatnonzero(space.stamps == stamp).astype(np.int32)
    # normals that look at the camera: so coarse a grid needs no better ones
    facing = np.tile(np.array([0, 0, 1], np.float32), (h // 4, w // 4, 1))
    tsdf_ops.integrate(
        space.grid.blocks, space.grid.voxels, visible,
        np.append(depth_m.ravel(), np.float32(0)), facing, np.empty(0, np.uint32), (h, w),
        intrinsics, T_camera_world, SPACING_M, float(space.grid.sdf_unit_m), space.noise,
        (TRUNCATION_M, TRUNCATION_M), MEMORY, space.dither,
    )  # fmt: skip


def without_movers(
    space: FreeSpace,
    known: TsdfGrid,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
) -> np.ndarray:
    """See `kernels.movers.without_movers`. The map is asked at suspects only."""
    h, w = depth_m.shape
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.mgrid[LATTICE // 2 : h : LATTICE, LATTICE // 2 : w : LATTICE]
    z = depth_m[v, u]
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(u.shape)], axis=-1)
    T = T_world_camera.astype(np.float64)
    points = ((rays * z[..., None]).reshape(-1, 3) @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
    sdf_m, _, is_remembered = _query(space.grid, points)
    is_free = (z.ravel() > 0) & is_remembered & (sdf_m > FREE_M)
    suspects = np.flatnonzero(is_free)
    if not len(suspects):
        return depth_m
    surface_m, _, is_known = _query(known, points[suspects])
    is_free[suspects] = ~(is_known & (np.abs(surface_m) < 0.5 * SPACING_M))
    around = np.pad(is_free.reshape(z.shape), 1)
    rows = around[:-2] | around[1:-1] | around[2:]
    squares = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    is_mover = np.repeat(np.repeat(squares, LATTICE, axis=0), LATTICE, axis=1)[:h, :w]
    kept = depth_m.copy()
    kept[: is_mover.shape[0], : is_mover.shape[1]][is_mover] = 0.0
    return kept


def _query(grid: TsdfGrid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tsdf_ops.query(
        grid.blocks, grid.voxels, points, float(grid.voxel_size_m), float(grid.sdf_unit_m)
    )
