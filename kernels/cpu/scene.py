"""Analytic scenes in numba, drawn front to back, tile by tile; contracts in `kernels.scene`."""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.cpu.scene_entry import (
    enter_box,
    enter_cylinder,
    enter_sphere,
    solid_values,
    view_values,
)
from kernels.cpu.scene_shading import shade_run
from kernels.scene import BOX, CYLINDER, LIGHT, NEAR_M

TILE_WIDTH, TILE_HEIGHT = 64, 32
ZERO, FAR_M = np.float32(0.0), np.float32(1e9)


def render_scene(solids, kinds, textures, intrinsics, T_world_camera, width, height):
    """See `kernels.scene.render_scene`."""
    views, rects, nearest_m = _place(solids, T_world_camera, intrinsics, width, height)
    order = np.argsort(nearest_m, kind="stable").astype(np.int32)
    order = order[rects[order, 0] < rects[order, 1]]
    depth_m = np.empty((height, width), np.float32)
    color = np.empty((height, width, 3), np.uint8)
    _draw(solids, kinds, textures, views, rects, nearest_m, order, intrinsics[0], depth_m, color)
    return depth_m, color


@parallel_kernel
def scene_sdf(solids, kinds, points):
    """See `kernels.scene.scene_sdf`."""
    sdf_m = np.empty(len(points), np.float32)
    for k in prange(len(points)):
        nearest_m = FAR_M
        for i in range(len(solids)):
            s = solids[i]
            x, y, z = points[k, 0] - s[0], points[k, 1] - s[1], points[k, 2] - s[2]
            if kinds[i] == BOX:
                qx = abs(s[6] * x + s[7] * y) - s[3]
                qy = abs(s[6] * y - s[7] * x) - s[4]
                qz = abs(z) - s[5]
            elif kinds[i] == CYLINDER:
                qx = np.sqrt(x * x + y * y) - s[3]
                qy = qx
                qz = abs(z) - s[5]
            else:
                qx = np.sqrt(x * x + y * y + z * z) - s[3]
                qy = qx
                qz = qx
            inside_m = min(max(qx, qy, qz), ZERO)
            qx = max(qx, ZERO)
            qy = max(qy, ZERO) if kinds[i] == BOX else ZERO
            qz = max(qz, ZERO) if kinds[i] <= CYLINDER else ZERO
            nearest_m = min(nearest_m, np.sqrt(qx * qx + qy * qy + qz * qz) + inside_m)
        sdf_m[k] = nearest_m
    return sdf_m


@kernel
def _place(solids, T_world_camera, intrinsics, width, height):
    """Return each solid's view, the pixels it may cover and its least depth.

    A view is float32 (15,) in the solid's frame: the camera's centre, then the ray of pixel (u, v)
    as first + u * per_u + v * per_v with z-depth 1, then the light. Pixels are u0, u1, v0, v1, all
    zero for a solid out of view.
    """
    n = len(solids)
    views = np.empty((n, 15), np.float32)
    rects = np.zeros((n, 4), np.int32)
    nearest_m = np.empty(n, np.float32)
    R, position = T_world_camera[:3, :3], T_world_camera[:3, 3]
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    corners = np.empty((8, 3))
    for i in range(n):
        s = solids[i].astype(np.float64)
        for k in range(5):
            if k == 0:
                x, y, z = position - s[:3]
            elif k == 1:
                x, y, z = R[:, 2] - R[:, 0] * (cx / fx) - R[:, 1] * (cy / fy)
            elif k == 2:
                x, y, z = R[:, 0] / fx
            elif k == 3:
                x, y, z = R[:, 1] / fy
            else:
                x, y, z = LIGHT
            views[i, 3 * k] = s[6] * x + s[7] * y
            views[i, 3 * k + 1] = s[6] * y - s[7] * x
            views[i, 3 * k + 2] = z
        for k in range(8):
            x = s[3] if k & 1 else -s[3]
            y = s[4] if k & 2 else -s[4]
            z = s[5] if k & 4 else -s[5]
            dx = s[0] + s[6] * x - s[7] * y - position[0]
            dy = s[1] + s[7] * x + s[6] * y - position[1]
            dz = s[2] + z - position[2]
            for j in range(3):
                corners[k, j] = R[0, j] * dx + R[1, j] * dy + R[2, j] * dz
        nearest_m[i] = max(corners[:, 2].min(), NEAR_M)
        rects[i] = _pixel_bounds(corners, fx, fy, cx, cy, width, height)
    return views, rects, nearest_m


@kernel
def _pixel_bounds(corners, fx, fy, cx, cy, width, height):
    """Bound the pixels of a box, cut at the near plane, from its corners in the camera's frame."""
    u0, u1, v0, v1 = 1e9, -1e9, 1e9, -1e9
    for k in range(8):
        for bit in (
            1,
            2,
            4,
        ):  # the three edges at a corner; seen from both ends, which does no harm
            z0, z1 = corners[k, 2], corners[k ^ bit, 2]
            if z0 < NEAR_M and z1 < NEAR_M:
                continue
            share = (NEAR_M - z0) / (z1 - z0) if z0 < NEAR_M else 0.0
            x = corners[k, 0] + share * (corners[k ^ bit, 0] - corners[k, 0])
            y = corners[k, 1] + share * (corners[k ^ bit, 1] - corners[k, 1])
            z = max(z0, NEAR_M)
            u, v = fx * x / z + cx, fy * y / z + cy
            u0, u1, v0, v1 = min(u0, u), max(u1, u), min(v0, v), max(v1, v)
    first_u = int(max(u0 - 1.0, 0.0))
    first_v = int(max(v0 - 1.0, 0.0))
    last_u = int(max(min(u1 + 2.0, float(width)), 0.0))
    last_v = int(max(min(v1 + 2.0, float(height)), 0.0))
    if first_u >= last_u or first_v >= last_v:
        return np.zeros(4, np.int32)
    return np.array([first_u, last_u, first_v, last_v], np.int32)


@parallel_kernel
def _draw(solids, kinds, textures, views, rects, nearest_m, order, fx, depth_m, color):
    height, width = depth_m.shape
    num_columns = (width + TILE_WIDTH - 1) // TILE_WIDTH
    num_rows = (height + TILE_HEIGHT - 1) // TILE_HEIGHT
    for tile in prange(num_rows * num_columns):
        first_v = tile // num_columns * TILE_HEIGHT
        first_u = tile % num_columns * TILE_WIDTH
        last_v = min(first_v + TILE_HEIGHT, height)
        last_u = min(first_u + TILE_WIDTH, width)
        seen = np.full((TILE_HEIGHT, TILE_WIDTH), -1, np.int32)
        scratch = np.empty((8, TILE_WIDTH), np.float32)
        packed = np.empty((2, TILE_WIDTH), np.uint32)
        depth = depth_m[first_v:last_v, first_u:last_u]
        depth[:] = FAR_M
        farthest_m = FAR_M
        for i in order:
            if nearest_m[i] > farthest_m:
                break
            u0, u1 = max(rects[i, 0], first_u), min(rects[i, 1], last_u)
            v0, v1 = max(rects[i, 2], first_v), min(rects[i, 3], last_v)
            if u0 >= u1 or v0 >= v1:
                continue
            s, view = solid_values(solids[i]), view_values(views[i])
            for v in range(v0, v1):
                row, ids = depth[v - first_v], seen[v - first_v]
                if kinds[i] == BOX:
                    enter_box(view, s, i, u0, u1, v, first_u, row, ids)
                elif kinds[i] == CYLINDER:
                    enter_cylinder(view, s, i, u0, u1, v, first_u, row, ids)
                else:
                    enter_sphere(view, s, i, u0, u1, v, first_u, row, ids)
            if (u1 - u0) * (v1 - v0) == depth.size:  # it may hide all that is farther
                farthest_m = _greatest(depth)
        for v in range(first_v, last_v):
            ids = seen[v - first_v]
            u = first_u
            while u < last_u:  # runs of pixels that see the same solid
                i, first = ids[u - first_u], u
                while u < last_u and ids[u - first_u] == i:
                    u += 1
                depths, rgbs = depth_m[v, first:u], color[v, first:u]
                if i >= 0:
                    texture = textures[int(solids[i, 14])]
                    shade_run(
                        kinds[i],
                        solids[i],
                        view_values(views[i]),
                        texture,
                        fx,
                        v,
                        first,
                        depths,
                        rgbs,
                        scratch,
                        packed,
                    )
                else:
                    depths[:] = ZERO
                    rgbs[:] = 0


@kernel
def _greatest(depth):
    greatest = ZERO
    for v in range(depth.shape[0]):
        row = depth[v]
        for u in range(len(row)):
            greatest = row[u] if row[u] > greatest else greatest
    return greatest
