"""Normal equations in plain numpy, float64: the definition.

A twist (v, omega) moves a point p of the camera frame by v + omega x p. So a residual whose
gradient with respect to that motion is g has the Jacobian (g, p x g).
"""

import numpy as np

from kernels.align import NormalEquations

NEAR_M = 0.05  # points nearer to the camera's plane do not project
MIN_GRADIENT = 0.3


def align_sdf(
    points: np.ndarray,
    sigma_m: np.ndarray,
    sdf_m: np.ndarray,
    gradient: np.ndarray,
    is_valid: np.ndarray,
    R_world_camera: np.ndarray,
    scale: float,
    max_distance_m: float,
) -> NormalEquations:
    """See `kernels.align.align_sdf`.

    The limit max_distance_m applies to sdf / |gradient|, |gradient| is held fixed.
    """
    length = np.linalg.norm(gradient.astype(np.float64), axis=1)
    distance_m = sdf_m / np.maximum(length, MIN_GRADIENT)
    used = is_valid & (length >= MIN_GRADIENT) & (np.abs(distance_m) <= max_distance_m)
    normals_world = gradient[used] / length[used, None]
    normals = normals_world @ R_world_camera.astype(np.float64)
    return _sum(points[used], normals, distance_m[used], sigma_m[used], scale)


def align_projective(
    points: np.ndarray,
    sigma_m: np.ndarray,
    model_points: np.ndarray,
    model_normals: np.ndarray,
    intrinsics: np.ndarray,
    T_model_camera: np.ndarray,
    scale: float,
    max_distance_m: float,
) -> NormalEquations:
    """See `kernels.align.align_projective`.

    A point pairs with the pixel whose centre is nearest to its projection.
    """
    h, w = model_points.shape[:2]
    T = T_model_camera.astype(np.float64)
    in_model = points @ T[:3, :3].T + T[:3, 3]
    u, v = np.floor(project(in_model, intrinsics) + 0.5).T
    used = (in_model[:, 2] > NEAR_M) & (u >= 0) & (u < w) & (v >= 0) & (v < h)
    points, sigma_m, in_model = points[used], sigma_m[used], in_model[used]
    pixel = v[used].astype(np.int64), u[used].astype(np.int64)

    difference = in_model - model_points[pixel]
    paired = model_points[pixel][:, 2] > 0
    paired &= np.linalg.norm(difference, axis=1) <= max_distance_m
    normals_model = model_normals[pixel].astype(np.float64)
    residual = (normals_model * difference).sum(axis=1)
    normals = normals_model @ T[:3, :3]
    return _sum(points[paired], normals[paired], residual[paired], sigma_m[paired], scale)


def align_photometric(
    points: np.ndarray,
    intensities: np.ndarray,
    image: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_keyframe: np.ndarray,
    offset: float,
    sigma: float,
    scale: float,
) -> NormalEquations:
    """See `kernels.align.align_photometric`."""
    p, gradient, residual = seen_intensities(
        points, intensities, image, depth_m, intrinsics, T_camera_keyframe
    )
    return _sum(p, gradient, residual - offset, np.full(len(p), sigma), scale)


def seen_intensities(
    points: np.ndarray,
    intensities: np.ndarray,
    image: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_keyframe: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points that are seen, in the camera's frame, with the gradient of their residual
    and the residual. Projections must lie in [1, w - 2) x [1, h - 2).

    When the camera moves by a twist, its points move by the opposite: hence the sign of the
    gradient. A point whose nearest pixel has no depth is taken to be visible.
    """
    h, w = image.shape
    T = T_camera_keyframe.astype(np.float64)
    p = points @ T[:3, :3].T + T[:3, 3]
    u, v = project(p, intrinsics).T
    used = (p[:, 2] > NEAR_M) & (u >= 1) & (u < w - 2) & (v >= 1) & (v < h - 2)
    p, u, v, intensities = p[used], u[used], v[used], intensities[used]

    seen_m = depth_m[np.floor(v + 0.5).astype(np.int64), np.floor(u + 0.5).astype(np.int64)]
    visible = (seen_m == 0) | (p[:, 2] - seen_m <= 0.03 + 0.02 * p[:, 2])
    p, u, v, intensities = p[visible], u[visible], v[visible], intensities[visible]
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    around = [image[row + j, column + i] for i in (0, 1) for j in (0, 1)]
    known = np.min(around, axis=0) >= 0
    p, u, v, intensities = p[known], u[known], v[known], intensities[known]

    value, d_du, d_dv = bilinear(image.astype(np.float64), u, v)
    fx, fy = intrinsics[:2].astype(np.float64)
    x, y, z = p.T
    d_dp = np.stack([d_du * fx / z, d_dv * fy / z, -(d_du * fx * x + d_dv * fy * y) / z**2], axis=1)
    return p, -d_dp, value - intensities


def project(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Return pixel positions (n, 2); those of points behind NEAR_M mean nothing."""
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    return points[:, :2] / np.maximum(points[:, 2:], NEAR_M) * [fx, fy] + [cx, cy]


def bilinear(
    image: np.ndarray, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the image at (u, v), and the exact derivatives of that by u and by v."""
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    fu, fv = u - column, v - row
    i00, i01 = image[row, column], image[row, column + 1]
    i10, i11 = image[row + 1, column], image[row + 1, column + 1]
    top, bottom = (1 - fu) * i00 + fu * i01, (1 - fu) * i10 + fu * i11
    d_du = (1 - fv) * (i01 - i00) + fv * (i11 - i10)
    return (1 - fv) * top + fv * bottom, d_du, bottom - top


def _sum(
    points: np.ndarray,
    gradient: np.ndarray,
    residual: np.ndarray,
    sigma: np.ndarray,
    scale: float,
) -> NormalEquations:
    """Add up residuals; their gradients and points are in the camera frame."""
    jacobian = np.hstack([gradient, np.cross(points, gradient)]) / sigma[:, None]
    e = residual / sigma
    weight = 1.0 / (1.0 + (e / scale) ** 2)
    return NormalEquations(
        H=jacobian.T @ (weight[:, None] * jacobian),
        b=jacobian.T @ (weight * e),
        squared_error=float(weight @ e**2),
        weight=float(weight.sum()),
        signed_error=float(weight @ e),
        count=len(e),
    )
