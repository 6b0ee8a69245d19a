"""Rendering the neural field: trace the mean, then step onto the field's own surface."""

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.field import MIN_RAY_SLOPE, NEWTON_STEPS, Field
from slam.camera import Camera
from slam.maps.base import UNSEEN_COLOR, Rendering

NEAR_M, FAR_M = 0.1, 8.0


def render_field(
    field: Field, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]
) -> Rendering:
    """Sphere-trace the fused mean, whose surface is millimetres away from the field's, and finish
    with Newton steps on the field. Colour and normals are the field's; the confidence is the mean's
    weight.
    """
    T = T_world_camera.astype(np.float32)
    traced = tsdf_ops.raycast(
        field.fine.blocks, field.mean, (camera.height, camera.width), camera.intrinsics, T,
        float(field.fine.spacing_m), float(field.sdf_unit_m), float(field.truncation_m),
        (NEAR_M, FAR_M),
    )  # fmt: skip
    v, u = np.nonzero(traced.depth_m)
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    rays = (np.stack([x, y, np.ones(len(u))], axis=1) @ T_world_camera[:3, :3].T).astype(np.float32)
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
    depth_m, normals, color, confidence = traced
    depth_m[v, u] = z
    normals[v, u] = np.where(length > 0, gradient / np.maximum(length, 1e-9), normals[v, u])
    color[v, u] = field_colors(field, points)
    return Rendering(depth_m, normals, color, confidence)


def field_colors(field: Field, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    """Decode the colour at world points; grey at what is observed, but in no keyframe yet."""
    rgb, is_known = field_ops.color(field, points)
    return np.where(is_known[:, None], rgb, UNSEEN_COLOR)
