"""Rendering the neural field in plain numpy, in terms of other ops: the definition."""

import numpy as np

from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.field import Field
from kernels.field_render import MIN_RAY_SLOPE, NEWTON_STEPS, UNSEEN_GRAY
from kernels.tsdf import RenderedArrays


def render(
    field: Field,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    depth_range_m: tuple[float, float],
) -> RenderedArrays:
    """See `kernels.field_render.render`."""
    T = T_world_camera
    traced = tsdf_ops.raycast(
        field.base.blocks, field.base.voxels, image_size, intrinsics, T,
        float(field.base.voxel_size_m), float(field.base.sdf_unit_m), float(field.truncation_m),
        depth_range_m,
    )  # fmt: skip
    v, u = np.nonzero(traced.depth_m)
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(len(u))], axis=1)
    rays = (rays @ T[:3, :3].T.astype(np.float64)).astype(np.float32)
    z = traced.depth_m[v, u]
    limit_m = field.fine.spacing_m
    for _ in range(NEWTON_STEPS):
        sdf_m, gradient, is_valid = field_ops.query(field, T[:3, 3] + rays * z[:, None])
        slope = np.einsum("ij,ij->i", gradient, rays)
        step_m = -sdf_m / np.minimum(slope, -MIN_RAY_SLOPE)
        z += np.where(is_valid & (slope < -MIN_RAY_SLOPE), np.clip(step_m, -limit_m, limit_m), 0.0)
    points = T[:3, 3] + rays * z[:, None]
    _, gradient, _ = field_ops.query(field, points)
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    rgb, is_known = field_ops.color(field, points)
    depth_m, normals, color, confidence = traced
    depth_m[v, u] = z
    normals[v, u] = np.where(length > 0, gradient / np.maximum(length, 1e-9), normals[v, u])
    color[v, u] = np.where(is_known[:, None], rgb, np.uint8(UNSEEN_GRAY))
    return RenderedArrays(depth_m, normals, color, confidence)
