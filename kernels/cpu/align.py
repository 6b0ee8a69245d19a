"""Normal equations in numba; contracts in `kernels.align`.

Each chunk of points first writes its Jacobian rows, then sums their products: the sums are plain
dot products, which vectorise. The chunks do not depend on the number of threads, so neither does
the result.
"""

import numpy as np
from numba import prange

from kernels.align import NUM_SUMS, assembled
from kernels.cpu.compile import kernel, parallel_kernel
from kernels.scalar.align import (
    cauchy_weight,
    intensity_residual,
    jacobian_row,
    plane_residual,
    sdf_residual,
    transformed,
)
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
CHUNK = 512


@kernel
def _sum(rows, error, weight, num_rows, out):
    """Add up the products of `num_rows` Jacobian rows (6, CHUNK), already divided by sigma."""
    k = 0
    for a in range(6):
        for b in range(a, 6):
            total = ZERO
            for i in range(num_rows):
                total += weight[i] * rows[a, i] * rows[b, i]
            out[k] = total
            k += 1
    for a in range(6):
        total = ZERO
        for i in range(num_rows):
            total += weight[i] * rows[a, i] * error[i]
        out[k] = total
        k += 1
    squared, signed, weights = ZERO, ZERO, ZERO
    for i in range(num_rows):
        squared += weight[i] * error[i] * error[i]
        signed += weight[i] * error[i]
        weights += weight[i]
    out[27], out[28], out[29], out[30] = squared, weights, signed, np.float32(num_rows)


@inline
def _write_row(rows, error, weight, n, gx, gy, gz, x, y, z, residual, sigma, scale):
    """Write one residual of the camera-frame point (x, y, z)."""
    per_sigma = ONE / sigma
    j0, j1, j2, j3, j4, j5 = jacobian_row(gx, gy, gz, x, y, z, per_sigma)
    rows[0, n], rows[1, n], rows[2, n] = j0, j1, j2
    rows[3, n], rows[4, n], rows[5, n] = j3, j4, j5
    e = residual * per_sigma
    error[n] = e
    weight[n] = cauchy_weight(e, scale)


@parallel_kernel
def _align_sdf(points, sigma_m, sdf_m, gradient, is_valid, R, scale, max_distance_m):
    num_points = points.shape[0]
    num_chunks = (num_points + CHUNK - 1) // CHUNK
    sums = np.zeros((num_chunks, NUM_SUMS), np.float32)
    for part in prange(num_chunks):
        chunk = np.int64(part)
        rows = np.empty((6, CHUNK), np.float32)
        error = np.empty(CHUNK, np.float32)
        weight = np.empty(CHUNK, np.float32)
        n = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, num_points)):
            if not is_valid[i]:
                continue
            is_used, gx, gy, gz, residual = sdf_residual(
                sdf_m[i], gradient[i, 0], gradient[i, 1], gradient[i, 2], R, max_distance_m
            )
            if not is_used:
                continue
            _write_row(
                rows, error, weight, n, gx, gy, gz, points[i, 0], points[i, 1], points[i, 2],
                residual, sigma_m[i], scale,
            )  # fmt: skip
            n += 1
        _sum(rows, error, weight, n, sums[chunk])
    return sums


def align_sdf(points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, scale, max_distance_m):
    return assembled(
        _align_sdf(
            points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, np.float32(scale),
            np.float32(max_distance_m),
        )
    )  # fmt: skip


@parallel_kernel
def _align_projective(
    points, sigma_m, model_points, model_normals, K, T, scale, max_distance_m
):  # fmt: skip
    num_points = points.shape[0]
    num_chunks = (num_points + CHUNK - 1) // CHUNK
    sums = np.zeros((num_chunks, NUM_SUMS), np.float32)
    for part in prange(num_chunks):
        chunk = np.int64(part)
        rows = np.empty((6, CHUNK), np.float32)
        error = np.empty(CHUNK, np.float32)
        weight = np.empty(CHUNK, np.float32)
        n = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, num_points)):
            px, py, pz = points[i, 0], points[i, 1], points[i, 2]
            x, y, z = transformed(T, px, py, pz)
            is_used, gx, gy, gz, residual = plane_residual(
                x, y, z, model_points, model_normals, K, T, max_distance_m
            )
            if not is_used:
                continue
            _write_row(rows, error, weight, n, gx, gy, gz, px, py, pz, residual, sigma_m[i], scale)
            n += 1
        _sum(rows, error, weight, n, sums[chunk])
    return sums


def align_projective(
    points, sigma_m, model_points, model_normals, intrinsics, T_model_camera, scale, max_distance_m
):
    return assembled(
        _align_projective(
            points, sigma_m, model_points, model_normals, intrinsics, T_model_camera,
            np.float32(scale), np.float32(max_distance_m),
        )
    )  # fmt: skip


@parallel_kernel
def _align_photometric(points, intensities, image, depth_m, K, T, offset, sigma, scale):
    num_points = points.shape[0]
    num_chunks = (num_points + CHUNK - 1) // CHUNK
    sums = np.zeros((num_chunks, NUM_SUMS), np.float32)
    for part in prange(num_chunks):
        chunk = np.int64(part)
        rows = np.empty((6, CHUNK), np.float32)
        error = np.empty(CHUNK, np.float32)
        weight = np.empty(CHUNK, np.float32)
        n = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, num_points)):
            x, y, z = transformed(T, points[i, 0], points[i, 1], points[i, 2])
            is_used, gx, gy, gz, residual = intensity_residual(
                x, y, z, intensities[i], image, depth_m, K
            )
            if not is_used:
                continue
            _write_row(rows, error, weight, n, gx, gy, gz, x, y, z, residual - offset, sigma, scale)
            n += 1
        _sum(rows, error, weight, n, sums[chunk])
    return sums


def align_photometric(
    points, intensities, image, depth_m, intrinsics, T_camera_keyframe, offset, sigma, scale
):
    return assembled(
        _align_photometric(
            points, intensities, image, depth_m, intrinsics, T_camera_keyframe,
            np.float32(offset), np.float32(sigma), np.float32(scale),
        )
    )  # fmt: skip
