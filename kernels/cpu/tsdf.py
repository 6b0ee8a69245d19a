"""TSDF integration in numba; contract in `kernels.tsdf`.

Integration goes over each block in flat passes (project; gather and update; colour) with scratch
rows in between: the natural loop with a branch and a gather in it does not vectorise and takes four
times as long.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
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
