"""TSDF integration in numba; contract in `kernels.tsdf`.

Integration goes over each block in flat passes (project; gather and update; colour) with scratch
rows in between: the natural loop with a branch and a gather in it does not vectorise and takes four
times as long.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.scalar.compile import inline
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
CELL_BITS = np.int32(2)  # a normal is that of 4 x 4 pixels
OPAQUE = np.uint32(1 << 24)  # and above: the pixel has colour
NUM_CHUNKS = 16  # units of parallel work: more than threads, so that uneven blocks balance


@inline
def _project(base, offsets, intrinsics, w, h, points, rays, pixel, cell):
    """Write a block's camera-frame points, and the pixel each projects to: its ray, its flat index
    (h w where there is none), and the flat index of its normal.
    """
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    last_cell_u, last_cell_v = np.int32(w // 4 - 1), np.int32(h // 4 - 1)
    num_cells_u = np.int32(w // 4)
    for i in range(512):
        x = base[0] + offsets[0, i]
        y = base[1] + offsets[1, i]
        z = base[2] + offsets[2, i]
        v, u, inside = nearest_pixel(x, y, z, fx, fy, cx, cy, h, w)
        points[0, i] = x
        points[1, i] = y
        points[2, i] = z
        rays[0, i] = (np.float32(u) - cx) / fx
        rays[1, i] = (np.float32(v) - cy) / fy
        pixel[i] = np.uint32(v * np.int32(w) + u) if inside else np.uint32(h * w)
        cell_v = np.int32(min(v >> CELL_BITS, last_cell_v))  # sums are 64 bits wide unless cut off
        cell_u = np.int32(min(u >> CELL_BITS, last_cell_u))
        cell[i] = np.uint32(cell_v * num_cells_u + cell_u)


@inline
def _gather_readings(pixel, cell, readings, normals, depth, normal):
    """Copy each voxel's reading and normal. On its own because only the arithmetic after it
    vectorises.
    """
    for i in range(512):
        depth[i] = readings[pixel[i]]
        j = cell[i]
        normal[0, i] = normals[j, 0]
        normal[1, i] = normals[j, 1]
        normal[2, i] = normals[j, 2]


@inline
def _fuse(
    points, rays, depth, normal, sdf, weight, noise, tau_min, tau_max, unit, max_weight,
    dither, share,
):  # fmt: skip
    """Update distance and weight of a block; `share` becomes the colour reading's weight. Return
    whether any is > 0.
    """
    unit_inverse = ONE / unit
    reference = sigma(ONE, noise)
    total_share = ZERO
    for i in range(512):
        w, distance, near = weigh(
            depth[i], normal[0, i], normal[1, i], normal[2, i], rays[0, i], rays[1, i],
            points[0, i], points[1, i], points[2, i], noise, reference,
            tau_min, tau_max,
        )  # fmt: skip
        old, old_w = np.float32(sdf[i]), np.float32(weight[i])
        average = average_distance(old, old_w, distance * unit_inverse, w, dither[i])
        total = add_weight(old_w, w, max_weight, dither[i])
        # without a reading even an old value could be rounded up
        sdf[i] = np.int16(average) if w > ZERO else sdf[i]
        weight[i] = np.uint16(total) if w > ZERO else weight[i]
        share[i] = near
        total_share += near
    return total_share > ZERO


@inline
def _gather(pixel, image, values):
    """Copy each voxel's pixel."""
    for i in range(512):
        values[i] = image[pixel[i]]


@inline
def _blend(packed, share, color, dither):
    """Average the colour of the voxels near the surface, by share of the reading's weight."""
    for i in range(512):
        old_w = np.float32(color[3, i])
        w = color_weight(share[i]) if packed[i] >= OPAQUE else ZERO
        gain = w / max(old_w + w, ONE)
        rgb = np.int32(packed[i])
        red = average_color(color[0, i], rgb & 255, gain, dither[i])
        color[0, i] = np.uint8(with_mark(red, share[i]))
        color[1, i] = np.uint8(average_color(color[1, i], (rgb >> 8) & 255, gain, dither[i]))
        color[2, i] = np.uint8(average_color(color[2, i], (rgb >> 16) & 255, gain, dither[i]))
        color[3, i] = np.uint8(add_color_weight(old_w, w))


@parallel_kernel
def integrate(
    index, blocks, visible, readings, normals, rgba, image_size, intrinsics, T_camera_world,
    voxel_size_m, sdf_unit_m, noise, truncation_m, max_weight, dither,
):  # fmt: skip
    h, w = image_size
    T = T_camera_world
    size = np.float32(voxel_size_m)
    offsets = np.empty((3, 512), np.float32)
    for i in range(512):
        x, y, z = np.float32(i >> 6), np.float32((i >> 3) & 7), np.float32(i & 7)
        for row in range(3):
            offsets[row, i] = (T[row, 0] * x + T[row, 1] * y + T[row, 2] * z) * size
    max_units = min(np.float32(max_weight / WEIGHT_UNIT), np.float32(65535.0))
    flat_normals = normals.reshape(normals.shape[0] * normals.shape[1], 3)
    has_color = rgba.shape[0] > 0
    num_visible = visible.shape[0]
    for part in prange(NUM_CHUNKS):
        chunk = np.int64(part)
        base = np.empty(3, np.float32)
        points = np.empty((3, 512), np.float32)
        rays = np.empty((2, 512), np.float32)
        pixel = np.empty(512, np.uint32)
        cell = np.empty(512, np.uint32)
        depth = np.empty(512, np.float32)
        normal = np.empty((3, 512), np.float32)
        share = np.empty(512, np.float32)
        packed = np.zeros(512, np.uint32)
        for k in range(chunk, num_visible, NUM_CHUNKS):
            slot = visible[k]
            x = np.float32(index.coords[slot, 0] * 8) * size
            y = np.float32(index.coords[slot, 1] * 8) * size
            z = np.float32(index.coords[slot, 2] * 8) * size
            for row in range(3):
                base[row] = T[row, 0] * x + T[row, 1] * y + T[row, 2] * z + T[row, 3]
            shift = dither_offset(
                index.coords[slot, 0], index.coords[slot, 1], index.coords[slot, 2]
            )
            _project(base, offsets, intrinsics, w, h, points, rays, pixel, cell)
            _gather_readings(pixel, cell, readings, flat_normals, depth, normal)
            near = _fuse(
                points, rays, depth, normal, blocks.sdf[slot], blocks.weight[slot], noise,
                np.float32(truncation_m[0]), np.float32(truncation_m[1]), np.float32(sdf_unit_m),
                max_units, dither[shift : shift + 512], share,
            )  # fmt: skip
            if near:
                if has_color:
                    _gather(pixel, rgba, packed)
                _blend(packed, share, blocks.color[slot], dither[shift : shift + 512])
