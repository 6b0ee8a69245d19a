"""Normal equations in numba; contracts in `kernels.align`.

Each chunk of points first writes its Jacobian rows, then sums their products: the sums are plain
dot products, which vectorise. The chunks do not depend on the number of threads, so neither does
the result.
"""

import numpy as np
from numba import prange

from kernels.align import NormalEquations
from kernels.cpu.compile import kernel, parallel_kernel
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
CHUNK = 512
NUM_SUMS = 32  # 21 of H, 6 of b, squared error, weight, signed error, count; padded


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
    """Write one residual: its gradient g in the camera frame at camera-frame point p gives J = (g,
    p x g).
    """
    per_sigma = ONE / sigma
    rows[0, n] = gx * per_sigma
    rows[1, n] = gy * per_sigma
    rows[2, n] = gz * per_sigma
    rows[3, n] = (y * gz - z * gy) * per_sigma
    rows[4, n] = (z * gx - x * gz) * per_sigma
    rows[5, n] = (x * gy - y * gx) * per_sigma
    e = residual * per_sigma
    error[n] = e
    weight[n] = ONE / (ONE + (e / scale) * (e / scale))


def _assemble(sums: np.ndarray) -> NormalEquations:
    total = sums.sum(axis=0, dtype=np.float64)
    H = np.zeros((6, 6))
    H[np.triu_indices(6)] = total[:21]
    H = H + np.triu(H, 1).T
    return NormalEquations(H, total[21:27], total[27], total[28], total[29], int(total[30]))


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
            wx, wy, wz = gradient[i, 0], gradient[i, 1], gradient[i, 2]
            length = np.sqrt(wx * wx + wy * wy + wz * wz)
            if length < np.float32(0.3) or abs(sdf_m[i]) > max_distance_m * length:
                continue
            per_length = ONE / length
            gx = (R[0, 0] * wx + R[1, 0] * wy + R[2, 0] * wz) * per_length
            gy = (R[0, 1] * wx + R[1, 1] * wy + R[2, 1] * wz) * per_length
            gz = (R[0, 2] * wx + R[1, 2] * wy + R[2, 2] * wz) * per_length
            _write_row(
                rows, error, weight, n, gx, gy, gz, points[i, 0], points[i, 1], points[i, 2],
                sdf_m[i] * per_length, sigma_m[i], scale,
            )  # fmt: skip
            n += 1
        _sum(rows, error, weight, n, sums[chunk])
    return sums


def align_sdf(points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, scale, max_distance_m):
    return _assemble(
        _align_sdf(
            points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, np.float32(scale),
            np.float32(max_distance_m),
        )
    )  # fmt: skip


@parallel_kernel
def _align_projective(
    points, sigma_m, model_points, model_normals, K, T, scale, max_distance_m
):  # fmt: skip
    h, w = model_points.shape[0], model_points.shape[1]
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
            x = T[0, 0] * px + T[0, 1] * py + T[0, 2] * pz + T[0, 3]
            y = T[1, 0] * px + T[1, 1] * py + T[1, 2] * pz + T[1, 3]
            z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * pz + T[2, 3]
            if z <= np.float32(0.05):
                continue
            u = x / z * K[0] + K[2] + HALF
            v = y / z * K[1] + K[3] + HALF
            if u < ZERO or v < ZERO or u >= np.float32(w) or v >= np.float32(h):
                continue
            iu, iv = np.int32(u), np.int32(v)
            if model_points[iv, iu, 2] <= ZERO:
                continue
            ex = x - model_points[iv, iu, 0]
            ey = y - model_points[iv, iu, 1]
            ez = z - model_points[iv, iu, 2]
            if ex * ex + ey * ey + ez * ez > max_distance_m * max_distance_m:
                continue
            nx, ny, nz = (
                model_normals[iv, iu, 0],
                model_normals[iv, iu, 1],
                model_normals[iv, iu, 2],
            )
            residual = nx * ex + ny * ey + nz * ez
            gx = T[0, 0] * nx + T[1, 0] * ny + T[2, 0] * nz
            gy = T[0, 1] * nx + T[1, 1] * ny + T[2, 1] * nz
            gz = T[0, 2] * nx + T[1, 2] * ny + T[2, 2] * nz
            _write_row(rows, error, weight, n, gx, gy, gz, px, py, pz, residual, sigma_m[i], scale)
            n += 1
        _sum(rows, error, weight, n, sums[chunk])
    return sums


def align_projective(
    points, sigma_m, model_points, model_normals, intrinsics, T_model_camera, scale, max_distance_m
):
    return _assemble(
        _align_projective(
            points, sigma_m, model_points, model_normals, intrinsics, T_model_camera,
            np.float32(scale), np.float32(max_distance_m),
        )
    )  # fmt: skip


@parallel_kernel
def _align_photometric(points, intensities, image, depth_m, K, T, offset, sigma, scale):
    h, w = image.shape
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
            x = T[0, 0] * px + T[0, 1] * py + T[0, 2] * pz + T[0, 3]
            y = T[1, 0] * px + T[1, 1] * py + T[1, 2] * pz + T[1, 3]
            z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * pz + T[2, 3]
            if z <= np.float32(0.05):
                continue
            inverse = ONE / z
            u = x * inverse * K[0] + K[2]
            v = y * inverse * K[1] + K[3]
            if u < ONE or v < ONE or u >= np.float32(w - 2) or v >= np.float32(h - 2):
                continue
            iu, iv = np.int32(u), np.int32(v)
            seen = depth_m[np.int32(v + HALF), np.int32(u + HALF)]
            if seen > ZERO and z - seen > np.float32(0.03) + np.float32(0.02) * z:
                continue
            fu, fv = u - np.float32(iu), v - np.float32(iv)
            i00, i01 = image[iv, iu], image[iv, iu + 1]
            i10, i11 = image[iv + 1, iu], image[iv + 1, iu + 1]
            du = (ONE - fv) * (i01 - i00) + fv * (i11 - i10)
            dv = (ONE - fu) * (i10 - i00) + fu * (i11 - i01)
            value = i00 + fu * (i01 - i00) + fv * (i10 - i00) + fu * fv * (i11 - i10 - i01 + i00)
            # moving the camera by the twist moves the point by its opposite
            gx = -du * K[0] * inverse
            gy = -dv * K[1] * inverse
            gz = -(gx * x + gy * y) * inverse
            _write_row(
                rows, error, weight, n, gx, gy, gz, x, y, z, value - intensities[i] - offset,
                sigma, scale,
            )  # fmt: skip
            n += 1
        _sum(rows, error, weight, n, sums[chunk])
    return sums


def align_photometric(
    points, intensities, image, depth_m, intrinsics, T_camera_keyframe, offset, sigma, scale
):
    return _assemble(
        _align_photometric(
            points, intensities, image, depth_m, intrinsics, T_camera_keyframe,
            np.float32(offset), np.float32(sigma), np.float32(scale),
        )
    )  # fmt: skip
