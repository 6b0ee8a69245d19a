"""Sums of tiles in numba; contracts in `kernels.tiles`. One thread: some thousand points."""

import math

import numpy as np

from kernels.cpu.compile import kernel
from kernels.scalar.align import (
    NEAR_M,
    ONE,
    ZERO,
    cauchy_weight,
    intensity_residual,
    jacobian_row,
    transformed,
)
from kernels.scalar.compile import inline
from kernels.tiles import FLOOR_M, MARGIN_M, MARGIN_SIGMAS, MAX_DISTANCE_M, MAX_SLOPE


@inline
def _tile(u, v, width, height, rows, columns):
    """Return the tile of a place in the image."""
    row = min(int(v / np.float32(height) * np.float32(rows)), rows - 1)
    column = min(int(u / np.float32(width) * np.float32(columns)), columns - 1)
    return row * columns + column


@inline
def _add(sums, tile, gx, gy, gz, x, y, z, residual, per_sigma, scale):
    """Add the products of one residual's row."""
    row = jacobian_row(gx, gy, gz, x, y, z, per_sigma)
    e = residual * per_sigma
    weight = cauchy_weight(e, scale)
    k = 0
    for a in range(6):
        weighted = weight * row[a]
        for b in range(a, 6):
            sums[tile, k] += weighted * row[b]
            k += 1
    for a in range(6):
        sums[tile, 21 + a] += weight * row[a] * e
    sums[tile, 27] += weight * e * e
    sums[tile, 28] += weight
    sums[tile, 29] += weight * e
    sums[tile, 30] += ONE


@kernel
def _add_ranges(points, sigma_m, depth_m, K, T, scale, rows, columns, sums, seen):
    height, width = depth_m.shape
    for n in range(len(points)):
        x, y, z = transformed(T, points[n, 0], points[n, 1], points[n, 2])
        if z <= NEAR_M:
            continue
        inverse = ONE / z
        u, v = x * inverse * K[0] + K[2], y * inverse * K[1] + K[3]
        if not (u >= ONE and v >= ONE and u < np.float32(width - 2) and v < np.float32(height - 2)):
            continue
        iu, iv = int(u), int(v)
        i00, i01 = depth_m[iv, iu], depth_m[iv, iu + 1]
        i10, i11 = depth_m[iv + 1, iu], depth_m[iv + 1, iu + 1]
        nearest, farthest = min(i00, i01, i10, i11), max(i00, i01, i10, i11)
        if nearest <= ZERO:
            continue
        tile = _tile(u, v, width, height, rows, columns)
        sigma = sigma_m[n]
        margin = np.float32(MARGIN_M) + np.float32(MARGIN_SIGMAS) * sigma
        seen[tile, 0] += ONE
        seen[tile, 2] += z
        if nearest - z > margin or z - farthest > margin:
            seen[tile, 1] += ONE
        if farthest - nearest > np.float32(MAX_SLOPE) * z + np.float32(MARGIN_SIGMAS) * sigma:
            continue
        fu, fv = u - np.float32(iu), v - np.float32(iv)
        residual = i00 + fu * (i01 - i00) + fv * (i10 - i00) + fu * fv * (i11 - i10 - i01 + i00) - z
        if abs(residual) > np.float32(MAX_DISTANCE_M):
            continue
        gx = -((ONE - fv) * (i01 - i00) + fv * (i11 - i10)) * K[0] * inverse
        gy = -((ONE - fu) * (i10 - i00) + fu * (i11 - i01)) * K[1] * inverse
        gz = ONE - (gx * x + gy * y) * inverse
        per_sigma = ONE / np.float32(math.sqrt(sigma * sigma + np.float32(FLOOR_M * FLOOR_M)))
        _add(sums, tile, gx, gy, gz, x, y, z, residual, per_sigma, scale)


def add_ranges(points, sigma_m, depth_m, intrinsics, T_camera_view, scale, tiles, sums, seen):
    _add_ranges(
        points, sigma_m, depth_m, intrinsics, T_camera_view, np.float32(scale), tiles[0], tiles[1],
        sums, seen,
    )  # fmt: skip


@kernel
def _add_intensities(
    points, intensities, image, depth_m, K, T, offset, sigma, scale, rows, columns, sums
):
    height, width = image.shape
    for n in range(len(points)):
        x, y, z = transformed(T, points[n, 0], points[n, 1], points[n, 2])
        is_used, gx, gy, gz, residual = intensity_residual(
            x, y, z, intensities[n], image, depth_m, K
        )
        if is_used:
            u, v = x / z * K[0] + K[2], y / z * K[1] + K[3]
            tile = _tile(u, v, width, height, rows, columns)
            _add(sums, tile, gx, gy, gz, x, y, z, residual - offset, ONE / sigma, scale)


def add_intensities(
    points, intensities, image, depth_m, intrinsics, T_camera_view, offset, sigma, scale, tiles,
    sums,
):  # fmt: skip
    _add_intensities(
        points, intensities, image, depth_m, intrinsics, T_camera_view, np.float32(offset),
        np.float32(sigma), np.float32(scale), tiles[0], tiles[1], sums,
    )  # fmt: skip
