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
from kernels.cuda.launch import IS_SIMULATED, STRIDED_BLOCKS, device, kernel, launch
from kernels.scalar.fusion import (
    add_color_weight,
    add_weight,
    average_color,
    average_distance,
    color_weight,
    nearest_pixel,
    weigh,
    with_mark,
)
from kernels.scalar.hashing import dither_offset
from kernels.scalar.noise import sigma
from kernels.tsdf import WEIGHT_UNIT

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
VOXELS = 4  # a thread
THREADS = 512 // VOXELS
# blocks of threads: many times what runs at once, or the last ones would work alone
GRID_SIZE = STRIDED_BLOCKS if IS_SIMULATED else 4 * STRIDED_BLOCKS


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
    # in registers: what is stored to memory might change what is read from it again
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    t00, t01, t02, t03 = T[0, 0], T[0, 1], T[0, 2], T[0, 3]
    t10, t11, t12, t13 = T[1, 0], T[1, 1], T[1, 2], T[1, 3]
    t20, t21, t22, t23 = T[2, 0], T[2, 1], T[2, 2], T[2, 3]
    sensor = (noise[0], noise[1], noise[2])
    per_fx, per_fy = ONE / fx, ONE / fy
    last_cell_v, last_cell_u = np.int32(normals.shape[0] - 1), np.int32(normals.shape[1] - 1)
    reference = sigma(ONE, sensor)
    per_unit = ONE / unit_m
    has_color = rgba.shape[0] > 0
    # the thread's first voxel in its block, in metres
    x0 = np.float32(i >> 4) * size_m
    y0 = np.float32((i >> 1) & 7) * size_m
    z0 = np.float32((i & 1) * VOXELS) * size_m
    for k in range(cuda.blockIdx.x, min(num_visible[0], visible.shape[0]), cuda.gridDim.x):
        slot = np.uint64(visible[k])
        bx, by, bz = coords[slot, 0], coords[slot, 1], coords[slot, 2]
        px = np.float32(bx * 8) * size_m + x0
        py = np.float32(by * 8) * size_m + y0
        pz = np.float32(bz * 8) * size_m + z0
        first_x = t00 * px + t01 * py + t02 * pz + t03
        first_y = t10 * px + t11 * py + t12 * pz + t13
        first_z = t20 * px + t21 * py + t22 * pz + t23
        is_read, is_near = False, False
        for j in range(VOXELS):
            along_z = np.float32(j) * size_m
            x = first_x + t02 * along_z
            y = first_y + t12 * along_z
            z = first_z + t22 * along_z
            v, u, inside = nearest_pixel(x, y, z, fx, fy, cx, cy, h, w)
            pixel = np.int32(v * w + u)
            pixels[j] = pixel
            units[j], distances[j], shares[j] = ZERO, ZERO, ZERO
            depth = readings[np.uint64(pixel)] if inside else ZERO
            if depth != ZERO:
                cell_v = np.uint64(min(v >> 2, last_cell_v))
                cell_u = np.uint64(min(u >> 2, last_cell_u))
                units[j], distances[j], shares[j] = weigh(
                    depth, normals[cell_v, cell_u, 0], normals[cell_v, cell_u, 1],
                    normals[cell_v, cell_u, 2], (np.float32(u) - cx) * per_fx,
                    (np.float32(v) - cy) * per_fy, x, y, z, sensor, reference, truncation_m[0],
                    truncation_m[1],
                )  # fmt: skip
                is_read = is_read or units[j] > ZERO
                is_near = is_near or shares[j] > ZERO
        if is_read:
            offset = dither_offset(bx, by, bz) + i * VOXELS
            _fuse(sdf, weight, slot, i, units, distances, per_unit, most, dither, offset)
            if is_near:
                _blend(color, slot, i, shares, pixels, rgba, has_color, dither, offset)


@device
def _fuse(sdf, weight, slot, i, units, distances, per_unit, most, dither, offset):
    """Average the distances of four voxels."""
    group = np.uint64(i)
    old_sdf, old_weight = sdf[slot, group], weight[slot, group]
    new_sdf, new_weight = np.uint64(0), np.uint64(0)
    for j in range(VOXELS):
        bits = np.uint64(16 * j)
        distance = np.int16(np.uint64(old_sdf) >> bits)
        total = np.uint32(np.uint16(np.uint64(old_weight) >> bits))
        if units[j] > ZERO:
            so_far, noise = np.float32(total), dither[np.uint64(offset + j)]
            distance = np.int16(
                average_distance(
                    np.float32(distance), so_far, distances[j] * per_unit, units[j], noise
                )
            )
            total = np.uint32(add_weight(so_far, units[j], most, noise))
        new_sdf |= np.uint64(np.uint16(distance)) << bits
        new_weight |= np.uint64(total) << bits
    if np.int64(new_sdf) != old_sdf:
        sdf[slot, group] = np.int64(new_sdf)
    if np.int64(new_weight) != old_weight:
        weight[slot, group] = np.int64(new_weight)


@device
def _byte(word, j):
    """Return byte j of a word of four."""
    return np.uint32(np.uint8(np.uint32(word >> np.uint32(8 * j))))


@device
def _blend(color, slot, i, shares, pixels, rgba, has_color, dither, offset):
    """Average the colours of four voxels."""
    group = np.uint64(i)
    red, green = color[slot, 0, group], color[slot, 1, group]
    blue, weight = color[slot, 2, group], color[slot, 3, group]
    new_red, new_green = np.uint32(0), np.uint32(0)
    new_blue, new_weight = np.uint32(0), np.uint32(0)
    for j in range(VOXELS):
        r, g, b, total = _byte(red, j), _byte(green, j), _byte(blue, j), _byte(weight, j)
        packed = rgba[np.uint64(pixels[j])] if has_color else np.uint32(0)
        if shares[j] > ZERO and _byte(packed, 3) > 0:
            w, so_far = color_weight(shares[j]), np.float32(total)
            noise = dither[np.uint64(offset + j)]
            gain = w / max(so_far + w, ONE)
            r = np.uint32(average_color(r, _byte(packed, 0), gain, noise))
            g = np.uint32(average_color(g, _byte(packed, 1), gain, noise))
            b = np.uint32(average_color(b, _byte(packed, 2), gain, noise))
            total = np.uint32(add_color_weight(so_far, w))
        r = np.uint32(with_mark(np.int32(r), shares[j]))
        bits = np.uint32(8 * j)
        new_red = np.uint32(new_red | np.uint32(r << bits))
        new_green = np.uint32(new_green | np.uint32(g << bits))
        new_blue = np.uint32(new_blue | np.uint32(b << bits))
        new_weight = np.uint32(new_weight | np.uint32(total << bits))
    if new_red != red or new_green != green or new_blue != blue or new_weight != weight:
        color[slot, 0, group] = new_red
        color[slot, 1, group] = new_green
        color[slot, 2, group] = new_blue
        color[slot, 3, group] = new_weight


def integrate(
    index, blocks, visible, readings, normals, rgba, image_size, intrinsics, T_camera_world,
    voxel_size_m, sdf_unit_m, noise, truncation_m, max_weight, dither, num_visible=None,
):  # fmt: skip
    if num_visible is None:
        num_visible = full((1,), len(visible), torch.int32)
    most = min(max_weight / WEIGHT_UNIT, 65535.0)
    launch(
        _integrate, GRID_SIZE, THREADS, index.coords, blocks.sdf.view(torch.int64),
        blocks.weight.view(torch.int64), blocks.color.view(torch.uint32), visible, num_visible,
        readings, normals, rgba, image_size[0], image_size[1], intrinsics, T_camera_world,
        voxel_size_m, sdf_unit_m, noise, truncation_m, most, dither,
    )  # fmt: skip
