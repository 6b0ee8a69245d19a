"""Rendering the neural field on CUDA: the base is traced, then all else is one launch. Contract in
`kernels.field_render`.
"""

import math

import numpy as np
from numba import cuda

from kernels import tsdf as tsdf_ops
from kernels.cuda.field_query import sample, sample_color
from kernels.cuda.launch import kernel, launch_over
from kernels.field_render import MIN_RAY_SLOPE, NEWTON_STEPS, UNSEEN_GRAY

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
FLATTEST = np.float32(-MIN_RAY_SLOPE)
UNSEEN = np.uint8(UNSEEN_GRAY)


def render(field, image_size, intrinsics, T_world_camera, depth_range_m):
    rendered = tsdf_ops.raycast(
        field.base.blocks, field.base.voxels, image_size, intrinsics, T_world_camera,
        float(field.base.voxel_size_m), float(field.base.sdf_unit_m), float(field.truncation_m),
        depth_range_m,
    )  # fmt: skip
    launch_over(
        _finish, image_size[0] * image_size[1], field, intrinsics, T_world_camera,
        rendered.depth_m, rendered.normals, rendered.color,
    )  # fmt: skip
    return rendered


@kernel
def _finish(field, intrinsics, T_world_camera, depth_m, normals, color):
    """Step along each pixel's ray from the base's surface onto the field's."""
    i = cuda.grid(1)
    w = depth_m.shape[1]
    if i < depth_m.shape[0] * w:
        v, u = i // w, i % w
        z = depth_m[v, u]
        if z > ZERO:
            T = T_world_camera
            a = (np.float32(u) - intrinsics[2]) / intrinsics[0]
            b = (np.float32(v) - intrinsics[3]) / intrinsics[1]
            ray_x = T[0, 0] * a + T[0, 1] * b + T[0, 2]
            ray_y = T[1, 0] * a + T[1, 1] * b + T[1, 2]
            ray_z = T[2, 0] * a + T[2, 1] * b + T[2, 2]
            limit_m = field.fine.spacing_m
            p_x, p_y, p_z = ZERO, ZERO, ZERO
            for step in range(NEWTON_STEPS + 1):
                p_x, p_y, p_z = T[0, 3] + ray_x * z, T[1, 3] + ray_y * z, T[2, 3] + ray_z * z
                is_known, sdf_m, gx, gy, gz = sample(field, p_x, p_y, p_z)
                if step < NEWTON_STEPS:
                    slope = gx * ray_x + gy * ray_y + gz * ray_z
                    if is_known and slope < FLATTEST:
                        z += min(max(-sdf_m / slope, -limit_m), limit_m)
                else:
                    square = gx * gx + gy * gy + gz * gz
                    if square > ZERO:
                        per_length = ONE / np.float32(math.sqrt(square))
                        normals[v, u, 0] = gx * per_length
                        normals[v, u, 1] = gy * per_length
                        normals[v, u, 2] = gz * per_length
            depth_m[v, u] = z
            has_color, red, green, blue = sample_color(field, p_x, p_y, p_z)
            if not has_color:
                red, green, blue = UNSEEN, UNSEEN, UNSEEN
            color[v, u, 0], color[v, u, 1], color[v, u, 2] = red, green, blue
