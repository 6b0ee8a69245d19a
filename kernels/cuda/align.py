"""Normal equations on CUDA; contracts in `kernels.align`, whose ops read them back to the host."""

import torch
from numba import cuda, float32

from kernels.align import NUM_SUMS, assembled
from kernels.cuda.arrays import empty, to_host
from kernels.cuda.launch import kernel, launch
from kernels.cuda.rows import (
    PARTS_SHAPE,
    ROWS_SHAPE,
    THREADS,
    add_up,
    clear_row,
    put_row,
)
from kernels.scalar.align import intensity_residual, plane_residual, sdf_residual, transformed


@kernel
def _align_sdf(points, sigma_m, sdf_m, gradient, is_valid, R, scale, max_distance_m, sums):
    rows = cuda.shared.array(ROWS_SHAPE, float32)
    parts = cuda.shared.array(PARTS_SHAPE, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    clear_row(rows, t)
    if i < points.shape[0] and is_valid[i]:
        is_used, gx, gy, gz, residual = sdf_residual(
            sdf_m[i], gradient[i, 0], gradient[i, 1], gradient[i, 2], R, max_distance_m
        )
        if is_used:
            x, y, z = points[i, 0], points[i, 1], points[i, 2]
            put_row(rows, t, gx, gy, gz, x, y, z, residual, sigma_m[i], scale)
    add_up(rows, parts, t, sums, cuda.blockIdx.x)


def sdf_sums(
    points: torch.Tensor,
    sigma_m: torch.Tensor,
    sdf_m: torch.Tensor,
    gradient: torch.Tensor,
    is_valid: torch.Tensor,
    R_world_camera: torch.Tensor,
    scale: float,
    max_distance_m: float,
) -> torch.Tensor:
    """Do `align_sdf` without reading back: return the sums that `assembled` takes, on the device,
    float32 (blocks, NUM_SUMS).
    """
    return _sums(
        _align_sdf, points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, float(scale),
        float(max_distance_m),
    )  # fmt: skip


def align_sdf(points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, scale, max_distance_m):
    sums = sdf_sums(
        points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, scale, max_distance_m
    )
    return assembled(to_host(sums))


@kernel
def _align_projective(
    points, sigma_m, model_points, model_normals, K, T, scale, max_distance_m, sums
):
    rows = cuda.shared.array(ROWS_SHAPE, float32)
    parts = cuda.shared.array(PARTS_SHAPE, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    clear_row(rows, t)
    if i < points.shape[0]:
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        x, y, z = transformed(T, px, py, pz)
        is_used, gx, gy, gz, residual = plane_residual(
            x, y, z, model_points, model_normals, K, T, max_distance_m
        )
        if is_used:
            put_row(rows, t, gx, gy, gz, px, py, pz, residual, sigma_m[i], scale)
    add_up(rows, parts, t, sums, cuda.blockIdx.x)


def align_projective(
    points, sigma_m, model_points, model_normals, intrinsics, T_model_camera, scale, max_distance_m
):
    sums = _sums(
        _align_projective, points, sigma_m, model_points, model_normals, intrinsics,
        T_model_camera, float(scale), float(max_distance_m),
    )  # fmt: skip
    return assembled(to_host(sums))


@kernel
def _align_photometric(points, intensities, image, depth_m, K, T, offset, sigma, scale, sums):
    rows = cuda.shared.array(ROWS_SHAPE, float32)
    parts = cuda.shared.array(PARTS_SHAPE, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    clear_row(rows, t)
    if i < points.shape[0]:
        x, y, z = transformed(T, points[i, 0], points[i, 1], points[i, 2])
        is_used, gx, gy, gz, residual = intensity_residual(
            x, y, z, intensities[i], image, depth_m, K
        )
        if is_used:
            put_row(rows, t, gx, gy, gz, x, y, z, residual - offset, sigma, scale)
    add_up(rows, parts, t, sums, cuda.blockIdx.x)


def align_photometric(
    points, intensities, image, depth_m, intrinsics, T_camera_keyframe, offset, sigma, scale
):
    sums = _sums(
        _align_photometric, points, intensities, image, depth_m, intrinsics, T_camera_keyframe,
        float(offset), float(sigma), float(scale),
    )  # fmt: skip
    return assembled(to_host(sums))


def _sums(linearise, points, *arguments) -> torch.Tensor:
    """Launch a kernel with a thread for each point; return the sums of its blocks."""
    num_blocks = (points.shape[0] + THREADS - 1) // THREADS
    sums = empty((num_blocks, NUM_SUMS), torch.float32)
    launch(linearise, num_blocks, THREADS, points, *arguments, sums)
    return sums
