"""Steps of ray casting; see `kernels.tsdf.raycast`."""

import numpy as np

from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
EIGHT = np.float32(8.0)
CELL = 16  # pixels of the range image that says between which depths blocks lie


@inline
def cells_over_block(x, y, depth, radius, near, far, h, w, intrinsics):
    """Return which cells (first and last row, first and last column) can see the sphere round a
    camera-frame point, none if first > last; and its nearest and farthest depth.
    """
    v0, v1, u0, u1 = 0, -1, 0, -1
    nearest, farthest = max(depth - radius, near), depth + radius
    if farthest >= near and depth - radius <= far:
        fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
        # the box round the sphere, seen from its nearest and its farthest depth
        left = min((x - radius) / nearest, (x - radius) / farthest) * fx + cx
        right = max((x + radius) / nearest, (x + radius) / farthest) * fx + cx
        top = min((y - radius) / nearest, (y - radius) / farthest) * fy + cy
        bottom = max((y + radius) / nearest, (y + radius) / farthest) * fy + cy
        width, height = np.float32(w), np.float32(h)
        if right >= ZERO and bottom >= ZERO and left <= width and top <= height:
            u0 = int(max(left, ZERO)) // CELL
            u1 = min(int(min(right, width)), w - 1) // CELL
            v0 = int(max(top, ZERO)) // CELL
            v1 = min(int(min(bottom, height)), h - 1) // CELL
    return v0, v1, u0, u1, nearest, farthest


@inline
def exit_block(x, y, z, ray_x, ray_y, ray_z):
    """Return how far along t the ray leaves the block, from the point (x, y, z), 0 .. 8, in it."""
    nearest = np.float32(1e9)
    for p, ray in ((x, ray_x), (y, ray_y), (z, ray_z)):
        if ray > np.float32(1e-6):
            nearest = min(nearest, (EIGHT - p) / ray)
        elif ray < np.float32(-1e-6):
            nearest = min(nearest, -p / ray)
    return nearest
