"""One residual of an alignment; see `kernels.align`.

Each body returns whether the residual is used, its gradient by a motion of the point in the
camera's frame, and the residual.
"""

import math

import numpy as np

from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
NEAR_M = np.float32(0.05)  # points nearer to the camera's plane do not project
MIN_GRADIENT = np.float32(0.3)


@inline
def transformed(T, x, y, z):
    """Map a point by a matrix of three or four rows."""
    return (
        T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3],
        T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3],
        T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3],
    )


@inline
def rotated_back(R, x, y, z):
    """Rotate a vector by the transpose of a matrix's rotation."""
    return (
        R[0, 0] * x + R[1, 0] * y + R[2, 0] * z,
        R[0, 1] * x + R[1, 1] * y + R[2, 1] * z,
        R[0, 2] * x + R[1, 2] * y + R[2, 2] * z,
    )


@inline
def sdf_residual(sdf_m, wx, wy, wz, R_world_camera, max_distance_m):
    """A sample of the map: signed distance and its gradient in the world."""
    length = np.float32(math.sqrt(wx * wx + wy * wy + wz * wz))
    is_used = length >= MIN_GRADIENT and abs(sdf_m) <= max_distance_m * length
    per_length = ONE / max(length, MIN_GRADIENT)
    gx, gy, gz = rotated_back(R_world_camera, wx, wy, wz)
    return is_used, gx * per_length, gy * per_length, gz * per_length, sdf_m * per_length


@inline
def plane_residual(x, y, z, model_points, model_normals, K, T_model_camera, max_distance_m):
    """A point in the model's frame, and the model's pixel that it projects to."""
    h, w = model_points.shape[0], model_points.shape[1]
    gx, gy, gz, residual = ZERO, ZERO, ZERO, ZERO
    is_used = z > NEAR_M
    if is_used:
        u = x / z * K[0] + K[2] + HALF
        v = y / z * K[1] + K[3] + HALF
        is_used = u >= ZERO and v >= ZERO and u < np.float32(w) and v < np.float32(h)
        if is_used:
            iu, iv = np.int32(u), np.int32(v)
            model_z = model_points[iv, iu, 2]
            ex = x - model_points[iv, iu, 0]
            ey = y - model_points[iv, iu, 1]
            ez = z - model_z
            squared_m = ex * ex + ey * ey + ez * ez
            is_used = model_z > ZERO and squared_m <= max_distance_m * max_distance_m
            nx = model_normals[iv, iu, 0]
            ny = model_normals[iv, iu, 1]
            nz = model_normals[iv, iu, 2]
            residual = nx * ex + ny * ey + nz * ez
            gx, gy, gz = rotated_back(T_model_camera, nx, ny, nz)
    return is_used, gx, gy, gz, residual


@inline
def intensity_residual(x, y, z, intensity, image, depth_m, K):
    """A keyframe's point in the present camera's frame, and the image there."""
    h, w = image.shape[0], image.shape[1]
    gx, gy, gz, residual = ZERO, ZERO, ZERO, ZERO
    is_used = z > NEAR_M
    if is_used:
        inverse = ONE / z
        u = x * inverse * K[0] + K[2]
        v = y * inverse * K[1] + K[3]
        is_used = u >= ONE and v >= ONE and u < np.float32(w - 2) and v < np.float32(h - 2)
        if is_used:
            iu, iv = np.int32(u), np.int32(v)
            seen = depth_m[np.int32(v + HALF), np.int32(u + HALF)]
            is_used = seen <= ZERO or z - seen <= np.float32(0.03) + np.float32(0.02) * z
            if is_used:
                fu, fv = u - np.float32(iu), v - np.float32(iv)
                i00, i01 = image[iv, iu], image[iv, iu + 1]
                i10, i11 = image[iv + 1, iu], image[iv + 1, iu + 1]
                is_used = min(i00, i01, i10, i11) >= ZERO
                du = (ONE - fv) * (i01 - i00) + fv * (i11 - i10)
                dv = (ONE - fu) * (i10 - i00) + fu * (i11 - i01)
                value = (
                    i00 + fu * (i01 - i00) + fv * (i10 - i00) + fu * fv * (i11 - i10 - i01 + i00)
                )
                residual = value - intensity
                # moving the camera by the twist moves the point by its opposite
                gx = -du * K[0] * inverse
                gy = -dv * K[1] * inverse
                gz = -(gx * x + gy * y) * inverse
    return is_used, gx, gy, gz, residual


@inline
def jacobian_row(gx, gy, gz, x, y, z, per_sigma):
    """A residual whose gradient at the point p is g has the Jacobian (g, p x g)."""
    return (
        gx * per_sigma,
        gy * per_sigma,
        gz * per_sigma,
        (y * gz - z * gy) * per_sigma,
        (z * gx - x * gz) * per_sigma,
        (x * gy - y * gx) * per_sigma,
    )


@inline
def cauchy_weight(e, scale):
    """Return the robust weight of a residual in standard deviations."""
    return ONE / (ONE + (e / scale) * (e / scale))
