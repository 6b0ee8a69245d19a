"""TSDF integration and point query in numba; contracts in `kernels.tsdf`.

Integration goes over each block in flat passes (project; gather and update; colour) with scratch
rows in between: the natural loop with a branch and a gather in it does not vectorise and takes four
times as long.
"""

import numpy as np
from numba import prange

from kernels.cpu.blocks import find
from kernels.cpu.compile import inline, kernel, parallel_kernel
from kernels.tsdf import MAX_COLOR_WEIGHT, WEIGHT_UNIT

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
NUM_CHUNKS = 16  # units of parallel work: more than threads, so that uneven blocks balance


@kernel
def _project(base, offsets, intrinsics, w, h, points, rays, pixel, cell):
    """Write a block's camera-frame points, and the pixel each projects to: its ray, its flat index
    (h w where there is none), and the flat index of its normal.
    """
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    last_u, last_v = np.float32(w) - ONE, np.float32(h) - ONE
    last_cell_u, last_cell_v = np.int32(w // 4 - 1), np.int32(h // 4 - 1)
    for i in range(512):
        x = base[0] + offsets[0, i]
        y = base[1] + offsets[1, i]
        z = base[2] + offsets[2, i]
        inverse = ONE / max(z, np.float32(1e-3))
        u = x * inverse * fx + cx + HALF  # truncation below is then rounding
        v = y * inverse * fy + cy + HALF
        inside = (
            (z > np.float32(0.05)) & (u >= ZERO) & (u < last_u + ONE) & (v >= ZERO)
            & (v < last_v + ONE)
        )  # fmt: skip
        iu = np.int32(min(max(u, ZERO), last_u))
        iv = np.int32(min(max(v, ZERO), last_v))
        points[0, i] = x
        points[1, i] = y
        points[2, i] = z
        rays[0, i] = (np.float32(iu) - cx) / fx
        rays[1, i] = (np.float32(iv) - cy) / fy
        pixel[i] = np.uint32(iv * np.int32(w) + iu) if inside else np.uint32(h * w)
        cell[i] = np.uint32(
            min(iv >> 2, last_cell_v) * (last_cell_u + np.int32(1)) + min(iu >> 2, last_cell_u)
        )


@kernel
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


@kernel
def _fuse(
    points, rays, depth, normal, sdf, weight, noise, tau_min, tau_max, unit, max_weight,
    dither, share,
):  # fmt: skip
    """Update distance and weight of a block; `share` becomes the colour reading's weight. Return
    whether any is > 0.
    """
    unit_inverse = ONE / unit
    reference = noise[0] + noise[1] + noise[2]
    per_weight = np.float32(1.0 / WEIGHT_UNIT)
    total_share = ZERO
    for i in range(512):
        z = points[2, i]
        spread = np.float32(3.0) * (noise[0] + z * (noise[1] + z * noise[2]))
        tau = min(max(spread, tau_min), tau_max)
        measured = abs(depth[i])
        nx, ny, nz = normal[0, i], normal[1, i], normal[2, i]
        ray_x, ray_y = rays[0, i], rays[1, i]
        along = nx * ray_x + ny * ray_y + nz
        d = measured * along - (nx * points[0, i] + ny * points[1, i] + nz * z)
        cosine = along / np.sqrt(ray_x * ray_x + ray_y * ray_y + ONE)
        relative = reference / (noise[0] + measured * (noise[1] + measured * noise[2]))
        w = cosine * relative * relative
        w = w if depth[i] > ZERO else np.float32(0.1) * w
        w = min(max(w, np.float32(1.0 / 256.0)), np.float32(4.0)) * per_weight
        w = w if (measured > ZERO) & (along > ZERO) & (d > -tau) else ZERO
        clamped = min(d, tau) * unit_inverse
        old_w = np.float32(weight[i])
        old = np.float32(sdf[i])
        new_w = old_w + w
        new = old + (clamped - old) * (w / max(new_w, ONE))
        # + 32768 makes it positive, where truncation is floor; its float32 steps are 1 / 256, so
        # that without a reading even an old value could be rounded up
        rounded = min(np.int32(new + np.float32(32768.0) + dither[i]), np.int32(65535)) - 32768
        sdf[i] = np.int16(rounded) if w > ZERO else sdf[i]
        heavier = min(np.int32(min(new_w, max_weight) + dither[i]), np.int32(65535))
        weight[i] = np.uint16(heavier) if w > ZERO else weight[i]
        near = w * np.float32(WEIGHT_UNIT) if abs(d) < np.float32(1.0 / 3.0) * tau else ZERO
        share[i] = near
        total_share += near
    return total_share > ZERO


@kernel
def _gather(pixel, image, values):
    """Copy each voxel's pixel."""
    for i in range(512):
        values[i] = image[pixel[i]]


@kernel
def _blend(packed, share, color, dither):
    """Average the colour of the voxels near the surface, by share of the reading's weight."""
    for i in range(512):
        old_w = np.float32(color[3, i])
        w = min(np.float32(4.0) * share[i], np.float32(4.0))
        w = max(w, ONE) if w > ZERO else ZERO
        gain = w / max(old_w + w, ONE)
        r, g, b = np.float32(color[0, i]), np.float32(color[1, i]), np.float32(color[2, i])
        new_r = np.float32(np.int32(packed[i]) & 255)
        new_g = np.float32((np.int32(packed[i]) >> 8) & 255)
        new_b = np.float32((np.int32(packed[i]) >> 16) & 255)
        color[0, i] = np.uint8(np.int32(r + (new_r - r) * gain + dither[i]))
        color[1, i] = np.uint8(np.int32(g + (new_g - g) * gain + dither[i]))
        color[2, i] = np.uint8(np.int32(b + (new_b - b) * gain + dither[i]))
        color[3, i] = np.uint8(np.int32(min(old_w + w, np.float32(MAX_COLOR_WEIGHT)) + HALF))


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
        packed = np.empty(512, np.uint32)
        for k in range(chunk, num_visible, NUM_CHUNKS):
            slot = visible[k]
            x = np.float32(index.coords[slot, 0] * 8) * size
            y = np.float32(index.coords[slot, 1] * 8) * size
            z = np.float32(index.coords[slot, 2] * 8) * size
            for row in range(3):
                base[row] = T[row, 0] * x + T[row, 1] * y + T[row, 2] * z + T[row, 3]
            shift = (slot * 37) & 511
            _project(base, offsets, intrinsics, w, h, points, rays, pixel, cell)
            _gather_readings(pixel, cell, readings, flat_normals, depth, normal)
            near = _fuse(
                points, rays, depth, normal, blocks.sdf[slot], blocks.weight[slot], noise,
                np.float32(truncation_m[0]), np.float32(truncation_m[1]), np.float32(sdf_unit_m),
                max_units, dither[shift : shift + 512], share,
            )  # fmt: skip
            if near and has_color:
                _gather(pixel, rgba, packed)
                _blend(packed, share, blocks.color[slot], dither[shift : shift + 512])


@inline
def locate(x):
    """Split a voxel coordinate into block, voxel in the block, and fraction."""
    floor = np.floor(x)
    i = np.int32(floor)
    return i >> 3, i & 7, x - floor


@inline
def gather_cell(index, slot, lx, ly, lz, slots, voxels):
    """Write slot and voxel of the eight corners of a cell; slots are -1 where there is no block."""
    for c in range(8):
        x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
        d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
        slots[c] = slot if d == 0 else index.neighbors[slot, d]
        voxels[c] = ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)


@parallel_kernel
def query(index, blocks, points, voxel_size_m, sdf_unit_m):
    num_points = points.shape[0]
    sdf_m = np.zeros(num_points, np.float32)
    gradient = np.zeros((num_points, 3), np.float32)
    is_valid = np.zeros(num_points, np.bool_)
    per_voxel = np.float32(1.0 / voxel_size_m)
    unit = np.float32(sdf_unit_m)
    slope = unit * per_voxel
    for part in prange(NUM_CHUNKS):
        chunk = np.int64(part)
        corner = np.empty(8, np.float32)
        slots = np.empty(8, np.int32)
        voxels = np.empty(8, np.int32)
        last_x, last_y, last_z = np.int32(1 << 30), np.int32(0), np.int32(0)
        slot = np.int32(-1)
        first = chunk * num_points // NUM_CHUNKS
        last = (chunk + 1) * num_points // NUM_CHUNKS
        for i in range(first, last):
            bx, lx, fx = locate(points[i, 0] * per_voxel)
            by, ly, fy = locate(points[i, 1] * per_voxel)
            bz, lz, fz = locate(points[i, 2] * per_voxel)
            if bx != last_x or by != last_y or bz != last_z:
                slot = find(index, bx, by, bz)
                last_x, last_y, last_z = bx, by, bz
            if slot < 0:
                continue
            known = True
            if lx < 7 and ly < 7 and lz < 7:
                first_voxel = (lx << 6) | (ly << 3) | lz
                for c in range(8):
                    voxel = first_voxel + ((c >> 2) << 6) + (((c >> 1) & 1) << 3) + (c & 1)
                    corner[c] = np.float32(blocks.sdf[slot, voxel])
                    known = known and blocks.weight[slot, voxel] > 0
            else:
                gather_cell(index, slot, lx, ly, lz, slots, voxels)
                for c in range(8):
                    if slots[c] < 0:
                        known = False
                        break
                    corner[c] = np.float32(blocks.sdf[slots[c], voxels[c]])
                    known = known and blocks.weight[slots[c], voxels[c]] > 0
            if not known:
                continue
            # interpolate along z, then y, then x; differences on the way are the gradient
            z00 = corner[0] + fz * (corner[1] - corner[0])
            z01 = corner[2] + fz * (corner[3] - corner[2])
            z10 = corner[4] + fz * (corner[5] - corner[4])
            z11 = corner[6] + fz * (corner[7] - corner[6])
            y0 = z00 + fy * (z01 - z00)
            y1 = z10 + fy * (z11 - z10)
            d0 = corner[1] - corner[0] + fy * (corner[3] - corner[2] - corner[1] + corner[0])
            d1 = corner[5] - corner[4] + fy * (corner[7] - corner[6] - corner[5] + corner[4])
            sdf_m[i] = (y0 + fx * (y1 - y0)) * unit
            gradient[i, 0] = (y1 - y0) * slope
            gradient[i, 1] = ((z01 - z00) + fx * ((z11 - z10) - (z01 - z00))) * slope
            gradient[i, 2] = (d0 + fx * (d1 - d0)) * slope
            is_valid[i] = True
    return sdf_m, gradient, is_valid
