"""TSDF integration on CUDA; contract in `kernels.tsdf`.

A group of threads works on one visible block after the other, each thread on four voxels along z:
they lie together in memory, so distance, weight and each channel of the four are one access. What a
reading does not change is neither read nor written.
"""

from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import full
from kernels.cuda.launch import STRIDED_BLOCKS, device, kernel, launch
from kernels.scalar.fusion import (
    add_color_weight,
    add_weight,
    average_color,
    average_distance,
    color_weight,
    nearest_pixel,
    weigh,
)
from kernels.scalar.hashing import dither_offset
from kernels.scalar.noise import sigma
from kernels.tsdf import WEIGHT_UNIT

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
VOXELS = 4  # a thread
THREADS = 512 // VOXELS
LOW_16 = np.int64(0xFFFF)
LOW_8 = np.int64(0xFF)


@kernel
def _integrate(
    coords, sdf, weight, color, visible, num_visible, readings, normals, rgba, h, w, intrinsics, T,
    size_m, unit_m, noise, truncation_m, most, dither,
):  # fmt: skip
    units = cuda.local.array(VOXELS, np.float32)
    distances = cuda.local.array(VOXELS, np.float32)
    shares = cuda.local.array(VOXELS, np.float32)
    pixels = cuda.local.array(VOXELS, np.int32)
    i: Any = cuda.threadIdx.x
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    last_cell_v, last_cell_u = np.int32(normals.shape[0] - 1), np.int32(normals.shape[1] - 1)
    reference = sigma(ONE, noise)
    per_unit = ONE / unit_m
    has_color = rgba.shape[0] > 0
    # the thread's first voxel in its block, in metres
    x0 = np.float32(i >> 4) * size_m
    y0 = np.float32((i >> 1) & 7) * size_m
    z0 = np.float32((i & 1) * VOXELS) * size_m
    for k in range(cuda.blockIdx.x, min(num_visible[0], visible.shape[0]), cuda.gridDim.x):
        slot = visible[k]
        bx, by, bz = coords[slot, 0], coords[slot, 1], coords[slot, 2]
        px = np.float32(bx * 8) * size_m + x0
        py = np.float32(by * 8) * size_m + y0
        pz = np.float32(bz * 8) * size_m + z0
        first_x = T[0, 0] * px + T[0, 1] * py + T[0, 2] * pz + T[0, 3]
        first_y = T[1, 0] * px + T[1, 1] * py + T[1, 2] * pz + T[1, 3]
        first_z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * pz + T[2, 3]
        is_read, is_near = False, False
        for j in range(VOXELS):
            along_z = np.float32(j) * size_m
            x = first_x + T[0, 2] * along_z
            y = first_y + T[1, 2] * along_z
            z = first_z + T[2, 2] * along_z
            v, u, inside = nearest_pixel(x, y, z, fx, fy, cx, cy, h, w)
            pixels[j] = v * w + u
            units[j], distances[j], shares[j] = ZERO, ZERO, ZERO
            depth = readings[v * w + u] if inside else ZERO
            if depth != ZERO:
                cell_v, cell_u = min(v >> 2, last_cell_v), min(u >> 2, last_cell_u)
                units[j], distances[j], shares[j] = weigh(
                    depth, normals[cell_v, cell_u, 0], normals[cell_v, cell_u, 1],
                    normals[cell_v, cell_u, 2], (np.float32(u) - cx) / fx,
                    (np.float32(v) - cy) / fy, x, y, z, noise, reference, truncation_m[0],
                    truncation_m[1],
                )  # fmt: skip
                is_read = is_read or units[j] > ZERO
                is_near = is_near or shares[j] > ZERO
        if is_read:
            offset = dither_offset(bx, by, bz) + i * VOXELS
            _fuse(sdf, weight, slot, i, units, distances, per_unit, most, dither, offset)
            if is_near and has_color:
                _blend(color, slot, i, shares, pixels, rgba, dither, offset)


@device
def _fuse(sdf, weight, slot, i, units, distances, per_unit, most, dither, offset):
    """Average the distances of four voxels."""
    old_sdf, old_weight = sdf[slot, i], weight[slot, i]
    new_sdf, new_weight = np.int64(0), np.int64(0)
    for j in range(VOXELS):
        bits = np.int64(16 * j)
        distance = (((old_sdf >> bits) & LOW_16) ^ np.int64(0x8000)) - np.int64(0x8000)  # signed
        total = (old_weight >> bits) & LOW_16
        if units[j] > ZERO:
            so_far, noise = np.float32(total), dither[offset + j]
            distance = np.int64(
                average_distance(
                    np.float32(distance), so_far, distances[j] * per_unit, units[j], noise
                )
            )
            total = np.int64(add_weight(so_far, units[j], most, noise))
        new_sdf |= (distance & LOW_16) << bits
        new_weight |= total << bits
    if new_sdf != old_sdf:
        sdf[slot, i] = new_sdf
    if new_weight != old_weight:
        weight[slot, i] = new_weight


@device
def _blend(color, slot, i, shares, pixels, rgba, dither, offset):
    """Average the colours of four voxels."""
    red, green = np.int64(color[slot, 0, i]), np.int64(color[slot, 1, i])
    blue, weight = np.int64(color[slot, 2, i]), np.int64(color[slot, 3, i])
    new_red, new_green, new_blue, new_weight = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for j in range(VOXELS):
        bits = np.int64(8 * j)
        r, g, b = (red >> bits) & LOW_8, (green >> bits) & LOW_8, (blue >> bits) & LOW_8
        total = (weight >> bits) & LOW_8
        if shares[j] > ZERO:
            w, so_far, noise = color_weight(shares[j]), np.float32(total), dither[offset + j]
            gain = w / max(so_far + w, ONE)
            packed = np.int64(rgba[pixels[j]])
            r = np.int64(average_color(r, packed & LOW_8, gain, noise))
            g = np.int64(average_color(g, (packed >> np.int64(8)) & LOW_8, gain, noise))
            b = np.int64(average_color(b, (packed >> np.int64(16)) & LOW_8, gain, noise))
            total = np.int64(add_color_weight(so_far, w))
        new_red |= r << bits
        new_green |= g << bits
        new_blue |= b << bits
        new_weight |= total << bits
    if new_red != red or new_green != green or new_blue != blue or new_weight != weight:
        color[slot, 0, i] = np.uint32(new_red)
        color[slot, 1, i] = np.uint32(new_green)
        color[slot, 2, i] = np.uint32(new_blue)
        color[slot, 3, i] = np.uint32(new_weight)


def integrate(
    index, blocks, visible, readings, normals, rgba, image_size, intrinsics, T_camera_world,
    voxel_size_m, sdf_unit_m, noise, truncation_m, max_weight, dither, num_visible=None,
):  # fmt: skip
    if num_visible is None:
        num_visible = full((1,), len(visible), torch.int32)
    most = min(max_weight / WEIGHT_UNIT, 65535.0)
    launch(
        _integrate, STRIDED_BLOCKS, THREADS, index.coords, blocks.sdf.view(torch.int64),
        blocks.weight.view(torch.int64), blocks.color.view(torch.uint32), visible, num_visible,
        readings, normals, rgba, image_size[0], image_size[1], intrinsics, T_camera_world,
        voxel_size_m, sdf_unit_m, noise, truncation_m, most, dither,
    )  # fmt: skip
