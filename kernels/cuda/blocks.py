"""The block hash on CUDA; contracts in `kernels.blocks`.

Blocks are inserted by launches one after the other, each of which sees all that those before it
wrote. (1) Keys enter the table (`kernels.cuda.table`). (2) New blocks are linked with their
neighbours. Only then (3) are slots looked up.
"""

import math

import numpy as np
import torch
from numba import cuda

from kernels.blocks import COVER_CELLS
from kernels.cuda.arrays import empty, full, to_device, zeros
from kernels.cuda.launch import STRIDED_BLOCKS, THREADS, device, kernel, launch, launch_over
from kernels.cuda.table import block_along, enter, list_once
from kernels.scalar.hashing import find, is_in_range
from kernels.scalar.noise import truncation
from kernels.scalar.view import num_band_parts, ray_through

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
CELLS = np.float32(COVER_CELLS)
TWO = np.float32(2.0)
BAND_LANES = 4  # threads a ray: its samples are looked up side by side
FREE_LANES = 32
MOST_SAMPLES = np.float32(1 << 16)  # of a ray, whatever its depth


@kernel
def _enter_coords(index, coords):
    i = cuda.grid(1)
    if i < coords.shape[0]:
        enter(index, coords[i, 0], coords[i, 1], coords[i, 2])


@kernel
def _link(index, first):
    """Link the blocks from slot first[0] on with their neighbours. Where both of a pair are new,
    both threads write the same.
    """
    end = min(index.num_blocks[0], np.int32(index.coords.shape[0])) * 8
    for i in range(first[0] * 8 + cuda.grid(1), end, cuda.gridsize(1)):
        slot, d = i >> 3, i & 7
        x, y, z = index.coords[slot, 0], index.coords[slot, 1], index.coords[slot, 2]
        dx, dy, dz = d >> 2, (d >> 1) & 1, d & 1
        index.neighbors[slot, d] = find(index, x + dx, y + dy, z + dz)
        behind = find(index, x - dx, y - dy, z - dz)
        if behind >= 0:
            index.neighbors[behind, d] = slot


@kernel
def _find(index, coords, slots):
    i = cuda.grid(1)
    if i < coords.shape[0]:
        slots[i] = find(index, coords[i, 0], coords[i, 1], coords[i, 2])


@kernel
def _count_refused(index, coords, num_refused):
    i = cuda.grid(1)
    if i < coords.shape[0]:
        x, y, z = coords[i, 0], coords[i, 1], coords[i, 2]
        if is_in_range(x, y, z) and find(index, x, y, z) < 0:
            cuda.atomic.add(num_refused, 0, np.int32(1))


def insert_blocks(index, coords):
    first = index.num_blocks.clone()
    launch_over(_enter_coords, coords.shape[0], index, coords)
    launch(_link, STRIDED_BLOCKS, THREADS, index, first)
    num_refused = zeros((1,), torch.int32)
    launch_over(_count_refused, coords.shape[0], index, coords, num_refused)
    return int(num_refused) == 0


def find_blocks(index, coords):
    slots = empty((coords.shape[0],), torch.int32)
    launch_over(_find, coords.shape[0], index, coords, slots)
    return slots


@kernel
def _walk_band(
    index, depth_m, intrinsics, T, block_size_m, noise, truncation_m, stride, columns,
    is_listing, stamps, stamp, visible, counts,
):  # fmt: skip
    """Enter the blocks in the band of each ray of the lattice or, once they are, list them."""
    i = cuda.grid(1)
    ray, lane = i // BAND_LANES, i % BAND_LANES
    v, u = stride // 2 + ray // columns * stride, stride // 2 + ray % columns * stride
    if v < depth_m.shape[0] and depth_m[v, u] > ZERO:
        z = depth_m[v, u]
        per_block = ONE / block_size_m
        tau = truncation(z, noise, truncation_m)
        ray_x, ray_y, ray_z = ray_through(u, v, intrinsics, T, per_block)
        num_parts = num_band_parts(tau, per_block)
        step = TWO * tau / np.float32(num_parts)
        for s in range(lane, num_parts + 1, BAND_LANES):
            t = z - tau + step * np.float32(s)
            bx, by, bz = block_along(ray_x, ray_y, ray_z, T, per_block, t)
            if is_listing:
                slot = find(index, bx, by, bz)
                if slot >= 0:
                    list_once(slot, stamps, stamp[0], visible, counts)
                elif is_in_range(bx, by, bz):
                    cuda.atomic.add(counts, 1, np.int32(1))
            else:
                enter(index, bx, by, bz)


@kernel
def _walk_free(
    index, depth_m, intrinsics, T, block_size_m, noise, truncation_m, stride, columns,
    offset, near_m, stamps, stamp, visible, counts,
):  # fmt: skip
    """List the blocks in front of the band of each ray of the lattice."""
    i = cuda.grid(1)
    ray, lane = i // FREE_LANES, i % FREE_LANES
    v, u = offset[0] + ray // columns * stride, offset[1] + ray % columns * stride
    if v < depth_m.shape[0] and u < depth_m.shape[1] and depth_m[v, u] > ZERO:
        z = depth_m[v, u]
        per_block = ONE / block_size_m
        end = z - truncation(z, noise, truncation_m)
        ray_x, ray_y, ray_z = ray_through(u, v, intrinsics, T, per_block)
        step = HALF * block_size_m
        num_samples = np.int32(min(max(end - near_m, ZERO) / step, MOST_SAMPLES)) + 1
        for s in range(lane, num_samples, FREE_LANES):
            t = near_m + step * np.float32(s)
            if t < end:
                bx, by, bz = block_along(ray_x, ray_y, ray_z, T, per_block, t)
                slot = find(index, bx, by, bz)
                if slot >= 0:
                    list_once(slot, stamps, stamp[0], visible, counts)


def touch_band(
    index, depth_m, intrinsics, T_world_camera, block_size_m, noise, truncation_m,
    stride, stamps, stamp, visible,
):  # fmt: skip
    h, w = depth_m.shape
    rows, columns = (len(range(stride // 2, size, stride)) for size in (h, w))
    counts = zeros((2,), torch.int32)
    first = index.num_blocks.clone()
    for is_listing in (False, True):
        launch_over(
            _walk_band, rows * columns * BAND_LANES, index, depth_m, intrinsics, T_world_camera,
            block_size_m, noise, truncation_m, stride, columns, is_listing, stamps,
            _as_tensor(stamp), visible, counts,
        )  # fmt: skip
        if not is_listing:
            launch(_link, STRIDED_BLOCKS, THREADS, index, first)
    return counts


def touch_free(
    index, depth_m, intrinsics, T_world_camera, block_size_m, noise, truncation_m,
    stride, offset, near_m, stamps, stamp, visible, num_visible,
):  # fmt: skip
    h, w = depth_m.shape
    rows, columns = (h + stride - 1) // stride, (w + stride - 1) // stride
    if isinstance(offset, tuple):
        offset = to_device(np.array(offset, np.int32))
    launch_over(
        _walk_free, rows * columns * FREE_LANES, index, depth_m, intrinsics, T_world_camera,
        block_size_m, noise, truncation_m, stride, columns, offset, near_m, stamps,
        _as_tensor(stamp), visible, num_visible,
    )  # fmt: skip
    return num_visible


@kernel
def _enter_cover(fine_index, first, level_index, fine_block_size_m, spacing_m):
    """Enter the blocks at the eight corners of each fine block and one cell more."""
    num_fine = min(fine_index.num_blocks[0], np.int32(fine_index.coords.shape[0]))
    margin_m = CELLS * spacing_m
    per_block = np.float32(0.125) / spacing_m
    for i in range(first[0] * 8 + cuda.grid(1), num_fine * 8, cuda.gridsize(1)):
        slot, corner = i >> 3, i & 7
        up_x, up_y, up_z = corner >> 2, (corner >> 1) & 1, corner & 1
        x = _beyond(fine_index.coords[slot, 0], up_x, fine_block_size_m, margin_m)
        y = _beyond(fine_index.coords[slot, 1], up_y, fine_block_size_m, margin_m)
        z = _beyond(fine_index.coords[slot, 2], up_z, fine_block_size_m, margin_m)
        enter(
            level_index, np.int32(math.floor(x * per_block)), np.int32(math.floor(y * per_block)),
            np.int32(math.floor(z * per_block)),
        )  # fmt: skip


@device
def _beyond(coord, is_upper, size_m, margin_m):
    """Return the end of a block's extent along one axis, the margin farther out."""
    return np.float32(coord + is_upper) * size_m + (margin_m if is_upper else -margin_m)


def cover_blocks(index, first, coarse_index, block_size_m, coarse_spacing_m):
    first_coarse = coarse_index.num_blocks.clone()
    launch(
        _enter_cover, STRIDED_BLOCKS, THREADS, index, first, coarse_index, block_size_m,
        coarse_spacing_m,
    )  # fmt: skip
    launch(_link, STRIDED_BLOCKS, THREADS, coarse_index, first_coarse)


def _as_tensor(stamp):
    return stamp if isinstance(stamp, torch.Tensor) else full((1,), stamp, torch.int32)
