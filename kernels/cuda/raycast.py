"""Ray casting of the TSDF on CUDA; contract in `kernels.tsdf.raycast`."""

import math
from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty, full
from kernels.cuda.cell import locate
from kernels.cuda.launch import STRIDED_BLOCKS, THREADS, device, kernel, launch
from kernels.cuda.query import corner_place, is_known_cell, read_cell
from kernels.scalar.cell import corner_weight
from kernels.scalar.fusion import is_marked
from kernels.scalar.hashing import find
from kernels.scalar.interpolate import trilinear, trilinear_gradient
from kernels.scalar.raycast import CELL, cells_over_block, exit_block
from kernels.scalar.view import ray_through
from kernels.tsdf import WEIGHT_UNIT, RenderedArrays

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
EIGHT = np.float32(8.0)
HALF_DIAGONAL = np.float32(0.8660254)  # of a unit cube
NOTHING = 1e9
TILE_H, TILE_W = 8, 16  # pixels of a group of threads; a warp has 4 x 8 of them
MOST_STEPS = 1 << 14  # of a ray, whatever its numbers are


@kernel
def _find_ranges(index, h, w, intrinsics, T, voxel_size_m, near, far, nearest, farthest):
    """Lower `nearest` and raise `farthest`, one element a cell, to the depths of all blocks that
    the cell can see.
    """
    block_size_m = EIGHT * voxel_size_m
    radius = HALF_DIAGONAL * block_size_m
    num_blocks = min(index.num_blocks[0], np.int32(index.coords.shape[0]))
    for s in range(cuda.grid(1), num_blocks, cuda.gridsize(1)):
        x = (np.float32(index.coords[s, 0]) + HALF) * block_size_m - T[0, 3]
        y = (np.float32(index.coords[s, 1]) + HALF) * block_size_m - T[1, 3]
        z = (np.float32(index.coords[s, 2]) + HALF) * block_size_m - T[2, 3]
        v0, v1, u0, u1, first, last = cells_over_block(
            T[0, 0] * x + T[1, 0] * y + T[2, 0] * z, T[0, 1] * x + T[1, 1] * y + T[2, 1] * z,
            T[0, 2] * x + T[1, 2] * y + T[2, 2] * z, radius, near, far, h, w, intrinsics,
        )  # fmt: skip
        for v in range(v0, v1 + 1):
            for u in range(u0, u1 + 1):
                if first < nearest[v, u]:  # seldom after the first few
                    cuda.atomic.min(nearest, (v, u), first)
                if last > farthest[v, u]:
                    cuda.atomic.max(farthest, (v, u), last)


@device
def _march(index, blocks, T, per_voxel, ray_x, ray_y, ray_z, t, end, unit, band, per_length):
    """Return the depth at which a ray first goes from free space into a surface, 0 for nowhere."""
    t_hit = ZERO
    last_x, last_y, last_z = np.int32(1 << 30), np.int32(0), np.int32(0)
    slot = np.int32(-1)
    before, t_before = ZERO, ZERO  # the last known distance, if it was positive
    for _ in range(MOST_STEPS):
        if t >= end:
            break
        bx, lx, gx = locate(T[0, 3] * per_voxel + ray_x * t)
        by, ly, gy = locate(T[1, 3] * per_voxel + ray_y * t)
        bz, lz, gz = locate(T[2, 3] * per_voxel + ray_z * t)
        if bx != last_x or by != last_y or bz != last_z:
            slot = find(index, bx, by, bz)
            last_x, last_y, last_z = bx, by, bz
        step = ONE
        if slot < 0:
            before = ZERO
            out = exit_block(
                np.float32(lx) + gx, np.float32(ly) + gy, np.float32(lz) + gz, ray_x, ray_y, ray_z
            )
            t += out
            step = np.float32(0.05)
        else:
            corner = read_cell(index, blocks, slot, lx, ly, lz)
            if is_known_cell(corner):
                distance = trilinear(corner, gx, gy, gz) * unit
                if distance > ZERO:
                    before, t_before = distance, t
                    step = max(min(distance, band) * np.float32(0.9), np.float32(0.6))
                elif before > ZERO:
                    t_hit = t - (t - t_before) * distance / (distance - before)
                    break
                # else behind a surface: go on until free space is met again
            else:
                before = ZERO
        t += step * per_length
    return t_hit


@device
def _mix(index, blocks, slot, lx, ly, lz, gx, gy, gz):
    """Return the trilinear colour over the corners that have one, or black; the weight; and whether
    a reading was near any.
    """
    red, green, blue, total, weight = ZERO, ZERO, ZERO, ZERO, ZERO
    is_read = False
    for c in range(8):
        s, voxel = corner_place(index, slot, lx, ly, lz, c)
        share = corner_weight(c, gx, gy, gz)
        weight += share * np.float32(blocks.weight[s, voxel])
        is_read |= is_marked(blocks.color, s, voxel)
        if blocks.color[s, 3, voxel] > 0:
            red += share * np.float32(blocks.color[s, 0, voxel])
            green += share * np.float32(blocks.color[s, 1, voxel])
            blue += share * np.float32(blocks.color[s, 2, voxel])
            total += share
    per_total = ONE / total if total > ZERO else ZERO
    return red * per_total, green * per_total, blue * per_total, weight, is_read


@kernel
def _cast(
    index, blocks, h, w, tiles_across, intrinsics, T, voxel_size_m, sdf_unit_m, truncation_m, far,
    nearest, farthest, depth_m, normals, color, confidence,
):  # fmt: skip
    thread: Any = cuda.threadIdx.x
    tile: Any = cuda.blockIdx.x
    warp, lane = thread >> 5, thread & 31
    v = tile // tiles_across * TILE_H + (warp >> 1) * 4 + (lane >> 3)
    u = tile % tiles_across * TILE_W + (warp & 1) * 8 + (lane & 7)
    if v < h and u < w:
        per_voxel = ONE / voxel_size_m
        unit = sdf_unit_m * per_voxel  # distances in voxels
        ray_x, ray_y, ray_z = ray_through(u, v, intrinsics, T, per_voxel)  # voxels along z-depth
        per_length = ONE / math.sqrt(ray_x * ray_x + ray_y * ray_y + ray_z * ray_z)
        t = _march(
            index, blocks, T, per_voxel, ray_x, ray_y, ray_z, nearest[v // CELL, u // CELL],
            min(farthest[v // CELL, u // CELL], far), unit, truncation_m * per_voxel, per_length,
        )  # fmt: skip
        depth, nx, ny, nz = ZERO, ZERO, ZERO, ZERO
        red, green, blue, weight = ZERO, ZERO, ZERO, ZERO
        if t > ZERO:
            bx, lx, gx = locate(T[0, 3] * per_voxel + ray_x * t)
            by, ly, gy = locate(T[1, 3] * per_voxel + ray_y * t)
            bz, lz, gz = locate(T[2, 3] * per_voxel + ray_z * t)
            slot = find(index, bx, by, bz)
            if slot >= 0:
                corner = read_cell(index, blocks, slot, lx, ly, lz)
                if is_known_cell(corner):
                    red, green, blue, total, is_read = _mix(
                        index, blocks, slot, lx, ly, lz, gx, gy, gz
                    )
                    if is_read:
                        distance, nx, ny, nz = trilinear_gradient(corner, gx, gy, gz)
                        depth = t + distance * unit * per_length  # one Newton step along the ray
                        length = math.sqrt(nx * nx + ny * ny + nz * nz)
                        scale = ONE / length if length > ZERO else ZERO
                        nx, ny, nz = nx * scale, ny * scale, nz * scale
                        weight = total
        depth_m[v, u] = depth
        normals[v, u, 0] = nx
        normals[v, u, 1] = ny
        normals[v, u, 2] = nz
        color[v, u, 0] = np.uint8(red + HALF)
        color[v, u, 1] = np.uint8(green + HALF)
        color[v, u, 2] = np.uint8(blue + HALF)
        confidence[v, u] = weight * np.float32(WEIGHT_UNIT)


def raycast(
    index, blocks, image_size, intrinsics, T_world_camera, voxel_size_m, sdf_unit_m,
    truncation_m, depth_range_m,
):  # fmt: skip
    h, w = image_size
    near, far = depth_range_m
    cells = ((h + CELL - 1) // CELL, (w + CELL - 1) // CELL)
    nearest, farthest = full(cells, NOTHING, torch.float32), full(cells, 0.0, torch.float32)
    launch(
        _find_ranges, STRIDED_BLOCKS, THREADS, index, h, w, intrinsics, T_world_camera,
        voxel_size_m, near, far, nearest, farthest,
    )  # fmt: skip
    rendered = RenderedArrays(
        empty((h, w), torch.float32), empty((h, w, 3), torch.float32),
        empty((h, w, 3), torch.uint8), empty((h, w), torch.float32),
    )  # fmt: skip
    tiles_down, tiles_across = (h + TILE_H - 1) // TILE_H, (w + TILE_W - 1) // TILE_W
    launch(
        _cast, tiles_down * tiles_across, TILE_H * TILE_W, index, blocks, h, w, tiles_across,
        intrinsics, T_world_camera, voxel_size_m, sdf_unit_m, truncation_m, far, nearest, farthest,
        *rendered,
    )  # fmt: skip
    return rendered
