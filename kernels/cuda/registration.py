"""Aligning a frame on the device: all iterations are enqueued, nothing is read back.

Each iteration is two launches: one linearises both residuals at the present pose, one adds up and
steps (`kernels.cuda.solve`). The launches of a stage that has converged return at once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numba import cuda, float32

from kernels.align import NUM_SUMS
from kernels.cuda.arrays import empty
from kernels.cuda.launch import device, kernel, launch
from kernels.cuda.query import sample
from kernels.cuda.rows import (
    PARTS_SHAPE,
    ROWS_SHAPE,
    THREADS,
    add_up,
    clear_row,
    put_row,
)
from kernels.cuda.solve import step
from kernels.cuda.state import (
    ENDED,
    HAS_KEYFRAME,
    MOST_STAGES,
    OFFSET,
    SCATTER,
    FrameCloud,
    PhotometricLevel,
    PoseState,
    Stage,
)
from kernels.scalar.align import intensity_residual, rotated_back, sdf_residual, transformed
from kernels.solve import Weighting
from kernels.tsdf import TsdfGrid

ZERO = np.float32(0.0)


@device
def _has_ended(state, stage):
    return state.values[ENDED + stage.number] > ZERO


@device
def _first(cloud, level, state, stage, block, num_geometric):
    """Return which point of the cloud or of the keyframe is the block's first; -1 for none."""
    if block < num_geometric:
        first, num_points = block * THREADS * stage.point_step, cloud.num_points[0]
    else:
        first, num_points = (block - num_geometric) * THREADS, _num_textured(level, state)
    return first if first < num_points else -1


@device
def _num_textured(level, state):
    """Return how many of the keyframe's points there are to compare with."""
    has_keyframe = state.values[HAS_KEYFRAME] > ZERO
    return min(level.num_points[0], level.points.shape[0]) if has_keyframe else 0


@device
def _put_geometric(rows, t, cloud, state, stage, i, sdf_m, gx, gy, gz):
    """Put the residual of the cloud's point i, where the map's distance and gradient are these."""
    T = state.T_world_camera
    is_used, gx, gy, gz, residual = sdf_residual(sdf_m, gx, gy, gz, T, stage.max_distance_m)
    if is_used:
        x, y, z = cloud.points[i, 0], cloud.points[i, 1], cloud.points[i, 2]
        scale = stage.scale * state.values[SCATTER]
        put_row(rows, t, gx, gy, gz, x, y, z, residual, cloud.sigma_m[i], scale)


@device
def _put_photometric(rows, t, level, state, stage, sigma, i):
    """Put the residual of the keyframe's point i."""
    if i < _num_textured(level, state):
        points = level.points
        T = state.T_world_camera
        x, y, z = transformed(state.T_world_keyframe, points[i, 0], points[i, 1], points[i, 2])
        x, y, z = rotated_back(T, x - T[0, 3], y - T[1, 3], z - T[2, 3])
        is_used, gx, gy, gz, residual = intensity_residual(
            x, y, z, level.intensities[i], level.image, level.depth_m, level.intrinsics
        )
        if is_used:
            residual -= state.values[OFFSET]
            put_row(rows, t, gx, gy, gz, x, y, z, residual, sigma, stage.scale)


@device
def _cloud_point(cloud, state, stage, num_geometric):
    """Return which point of the cloud is the thread's, -1 for none, and where it is in the
    world.
    """
    i, x, y, z = np.int32(-1), ZERO, ZERO, ZERO
    if cuda.blockIdx.x < num_geometric:
        k = np.int32(cuda.grid(1) * stage.point_step)
        if k < cloud.num_points[0]:
            i = k
            points = cloud.points
            x, y, z = transformed(state.T_world_camera, points[i, 0], points[i, 1], points[i, 2])
    return i, x, y, z


@device
def _add_up(rows, parts, cloud, level, state, stage, sigma, num_geometric, i, here, sums):
    """Write the sums of a block: the first `num_geometric` are of the cloud, of whose point i the
    thread knows the map `here`, the others of the keyframe.

    Barriers are met by all threads: what they depend on is the same for the block.
    """
    t: Any = cuda.threadIdx.x
    block: Any = cuda.blockIdx.x
    first = _first(cloud, level, state, stage, block, num_geometric)
    if first < 0:
        if t < NUM_SUMS:
            sums[block, t] = ZERO
        return
    clear_row(rows, t)
    if block >= num_geometric:
        _put_photometric(rows, t, level, state, stage, sigma, first + t)
    elif here[0]:
        _, sdf_m, gx, gy, gz = here
        _put_geometric(rows, t, cloud, state, stage, i, sdf_m, gx, gy, gz)
    add_up(rows, parts, t, sums, block)


@kernel
def _linearise(grid, cloud, level, state, stage, sigma, num_geometric, sums):
    rows = cuda.shared.array(ROWS_SHAPE, float32)
    parts = cuda.shared.array(PARTS_SHAPE, float32)
    if _has_ended(state, stage):
        return
    i, x, y, z = _cloud_point(cloud, state, stage, num_geometric)
    here = (False, ZERO, ZERO, ZERO, ZERO)
    if i >= 0:
        here = sample(grid, x, y, z)
    _add_up(rows, parts, cloud, level, state, stage, sigma, num_geometric, i, here, sums)


def _num_blocks(num_items: int, num_each: int) -> int:
    return (num_items + num_each - 1) // num_each


def align(
    map_: TsdfGrid,
    cloud: FrameCloud,
    levels: Sequence[PhotometricLevel],
    state: PoseState,
    stages: Sequence[tuple[Stage, int]],
    weighting: Weighting,
) -> None:
    """Update `state` by the iterations of all stages, each with its photometric level and its
    number of iterations.
    """
    if len(stages) > MOST_STAGES:
        raise ValueError(f"{len(stages)} stages, and a state has room for {MOST_STAGES}")
    for (stage, num_iterations), level in zip(stages, levels, strict=True):
        num_geometric = _num_blocks(cloud.points.shape[0], stage.point_step * THREADS)
        num_blocks = num_geometric + _num_blocks(level.points.shape[0], THREADS)
        sums = empty((num_blocks, NUM_SUMS), torch.float32)
        for _ in range(num_iterations):
            launch(
                _linearise, num_blocks, THREADS, map_, cloud, level, state, stage,
                weighting.intensity_sigma, num_geometric, sums,
            )  # fmt: skip
            step(sums, num_geometric, cloud, state, stage, weighting)
