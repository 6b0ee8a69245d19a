"""Ray casting of the TSDF in numba; contract in `kernels.tsdf.raycast`."""

import numpy as np
from numba import prange

from kernels.cpu.cell import locate
from kernels.cpu.compile import kernel, parallel_kernel
from kernels.scalar.cell import gather_cell
from kernels.scalar.compile import inline
from kernels.scalar.fusion import is_marked
from kernels.scalar.hashing import find
from kernels.scalar.interpolate import trilinear, trilinear_gradient
from kernels.scalar.raycast import CELL, cells_over_block, exit_block
from kernels.scalar.view import ray_through
from kernels.tsdf import WEIGHT_UNIT, RenderedArrays

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
NOTHING = np.float32(1e9)


@kernel
def _block_ranges(index, h, w, intrinsics, T_camera_world, block_size_m, near, far):
    """Return (ceil(h / CELL), ceil(w / CELL), 2): nearest and farthest block depth that each cell
    can see.
    """
    T = T_camera_world
    gh, gw = (h + CELL - 1) // CELL, (w + CELL - 1) // CELL
    ranges = np.empty((gh, gw, 2), np.float32)
    ranges[:, :, 0] = NOTHING
    ranges[:, :, 1] = ZERO
    radius = np.float32(0.8660254) * block_size_m
    for s in range(index.num_blocks[0]):
        x = (np.float32(index.coords[s, 0]) + HALF) * block_size_m
        y = (np.float32(index.coords[s, 1]) + HALF) * block_size_m
        z = (np.float32(index.coords[s, 2]) + HALF) * block_size_m
        depth = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3]
        cam_x = T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]
        cam_y = T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]
        v0, v1, u0, u1, nearest, farthest = cells_over_block(
            cam_x, cam_y, depth, radius, near, far, h, w, intrinsics
        )
        for v in range(v0, v1 + 1):
            for u in range(u0, u1 + 1):
                ranges[v, u, 0] = min(ranges[v, u, 0], nearest)
                ranges[v, u, 1] = max(ranges[v, u, 1], farthest)
    return ranges


@inline
def _cell(index, blocks, slot, lx, ly, lz, slots, voxels, corner):
    """Read the eight distances of a cell; return whether all are known."""
    gather_cell(index, slot, lx, ly, lz, slots, voxels)
    known = True
    for c in range(8):
        if slots[c] < 0 or blocks.weight[slots[c], voxels[c]] == 0:
            known = False
            break
        corner[c] = np.float32(blocks.sdf[slots[c], voxels[c]])
    return known


@inline
def _distances(index, blocks, slot, lx, ly, lz, slots, voxels, corner):
    """Do it faster; most cells are within a block, and slots and voxels are not told of those."""
    first = (lx << 6) | (ly << 3) | lz
    if blocks.weight[slot, first] == 0:
        return False
    if lx == 7 or ly == 7 or lz == 7:
        return _cell(index, blocks, slot, lx, ly, lz, slots, voxels, corner)
    known = True
    for c in range(8):
        voxel = first + ((c >> 2) << 6) + (((c >> 1) & 1) << 3) + (c & 1)
        corner[c] = np.float32(blocks.sdf[slot, voxel])
        known = known and blocks.weight[slot, voxel] > 0
    return known


@parallel_kernel
def raycast(
    index, blocks, image_size, intrinsics, T_world_camera, voxel_size_m, sdf_unit_m,
    truncation_m, depth_range_m,
):  # fmt: skip
    h, w = image_size
    T = T_world_camera
    near, far = np.float32(depth_range_m[0]), np.float32(depth_range_m[1])
    per_voxel = np.float32(1.0 / voxel_size_m)
    unit = np.float32(sdf_unit_m) * per_voxel  # distances in voxels
    band = np.float32(truncation_m) * per_voxel
    T_camera_world = np.empty((3, 4), np.float32)
    for row in range(3):
        for k in range(3):
            T_camera_world[row, k] = T[k, row]
        T_camera_world[row, 3] = -(T[0, row] * T[0, 3] + T[1, row] * T[1, 3] + T[2, row] * T[2, 3])
    block_size_m = np.float32(8.0 * voxel_size_m)
    ranges = _block_ranges(index, h, w, intrinsics, T_camera_world, block_size_m, near, far)
    depth_m = np.zeros((h, w), np.float32)
    normals = np.zeros((h, w, 3), np.float32)
    color = np.zeros((h, w, 3), np.uint8)
    confidence = np.zeros((h, w), np.float32)
    for row in prange(h):
        v = np.int64(row)
        slots = np.empty(8, np.int32)
        voxels = np.empty(8, np.int32)
        corner = np.empty(8, np.float32)
        last_x, last_y, last_z = np.int32(1 << 30), np.int32(0), np.int32(0)
        slot = np.int32(-1)
        for u in range(w):
            t = ranges[v // CELL, u // CELL, 0]
            end = min(ranges[v // CELL, u // CELL, 1], far)
            if t >= end:
                continue
            # everything below is in voxels along z-depth t
            ray_x, ray_y, ray_z = ray_through(u, v, intrinsics, T, per_voxel)
            start_x, start_y, start_z = (
                T[0, 3] * per_voxel,
                T[1, 3] * per_voxel,
                T[2, 3] * per_voxel,
            )
            per_length = np.float32(1.0) / np.sqrt(ray_x * ray_x + ray_y * ray_y + ray_z * ray_z)
            before = ZERO  # the last known distance, if it was positive
            t_before = ZERO
            while t < end:
                px, py, pz = start_x + ray_x * t, start_y + ray_y * t, start_z + ray_z * t
                bx, lx, gx = locate(px)
                by, ly, gy = locate(py)
                bz, lz, gz = locate(pz)
                if bx != last_x or by != last_y or bz != last_z:
                    slot = find(index, bx, by, bz)
                    last_x, last_y, last_z = bx, by, bz
                if slot < 0:
                    before = ZERO
                    out = exit_block(
                        np.float32(lx) + gx, np.float32(ly) + gy, np.float32(lz) + gz,
                        ray_x, ray_y, ray_z,
                    )  # fmt: skip
                    t += out + np.float32(0.05) * per_length
                    continue
                if not _distances(index, blocks, slot, lx, ly, lz, slots, voxels, corner):
                    before = ZERO
                    t += per_length
                    continue
                distance = trilinear(corner, gx, gy, gz) * unit
                if distance <= ZERO:
                    if before > ZERO:
                        t_hit = t - (t - t_before) * distance / (distance - before)
                        _shade(
                            index, blocks, v, u, t_hit, start_x + ray_x * t_hit,
                            start_y + ray_y * t_hit, start_z + ray_z * t_hit, unit, per_length,
                            slots, voxels, corner, depth_m, normals, color, confidence,
                        )  # fmt: skip
                        break
                    t += per_length  # behind a surface: go on until free space is met again
                    continue
                before = distance
                t_before = t
                t += max(min(distance, band) * np.float32(0.9), np.float32(0.6)) * per_length
    return RenderedArrays(depth_m, normals, color, confidence)


@inline
def _shade(
    index, blocks, v, u, t_hit, px, py, pz, unit, per_length, slots, voxels, corner,
    depth_m, normals, color, confidence,
):  # fmt: skip
    """Write the pixel of a hit: one Newton step along the ray, then normal and colour from the
    cell's corners. Where no reading was near them, it shows nothing.
    """
    bx, lx, gx = locate(px)
    by, ly, gy = locate(py)
    bz, lz, gz = locate(pz)
    slot = find(index, bx, by, bz)
    if slot >= 0 and _cell(index, blocks, slot, lx, ly, lz, slots, voxels, corner):
        is_read = False
        for c in range(8):
            is_read |= is_marked(blocks.color, slots[c], voxels[c])
        if not is_read:
            return
        distance, nx, ny, nz = trilinear_gradient(corner, gx, gy, gz)
        depth_m[v, u] = t_hit + distance * unit * per_length
        length = np.sqrt(nx * nx + ny * ny + nz * nz)
        if length > ZERO:
            normals[v, u, 0] = nx / length
            normals[v, u, 1] = ny / length
            normals[v, u, 2] = nz / length
        red, green, blue, total, weight = ZERO, ZERO, ZERO, ZERO, ZERO
        for c in range(8):
            share = gx if c & 4 else ONE - gx
            share *= gy if c & 2 else ONE - gy
            share *= gz if c & 1 else ONE - gz
            s, i = slots[c], voxels[c]
            weight += share * np.float32(blocks.weight[s, i])
            if blocks.color[s, 3, i] > 0:
                red += share * np.float32(blocks.color[s, 0, i])
                green += share * np.float32(blocks.color[s, 1, i])
                blue += share * np.float32(blocks.color[s, 2, i])
                total += share
        confidence[v, u] = weight * np.float32(WEIGHT_UNIT)
        if total > ZERO:
            color[v, u, 0] = np.uint8(red / total + HALF)
            color[v, u, 1] = np.uint8(green / total + HALF)
            color[v, u, 2] = np.uint8(blue / total + HALF)
