"""TSDF integration in plain numpy, float64: the definition."""

import numpy as np

from kernels.blocks import BlockIndex
from kernels.reference.blocks import GOLDEN, pack
from kernels.reference.depth import sigma
from kernels.tsdf import MAX_COLOR_WEIGHT, WEIGHT_UNIT, TsdfBlocks

NEAR_M = 0.05  # voxels nearer to the camera's plane get no reading
VOXELS_OF_BLOCK = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)  # (512, 3)
READING_WEIGHTS = (1.0 / 256.0, 4.0)


def integrate(
    index: BlockIndex,
    blocks: TsdfBlocks,
    visible: np.ndarray,
    readings: np.ndarray,
    normals: np.ndarray,
    rgba: np.ndarray,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    T_camera_world: np.ndarray,
    voxel_size_m: float,
    sdf_unit_m: float,
    noise: np.ndarray,
    truncation_m: tuple[float, float],
    max_weight: float,
    dither: np.ndarray,
) -> None:
    """See `kernels.tsdf.integrate`. A voxel without a reading keeps its values."""
    max_units = min(max_weight / WEIGHT_UNIT, 65535.0)
    pixel_normals = _normals_of_pixels(normals, image_size)
    for slot in visible.tolist():
        points = camera_points(index.coords[slot], T_camera_world, voxel_size_m)
        pixel = nearest_pixel(points, image_size, intrinsics)
        depth_m, is_edge = np.abs(readings[pixel]).astype(np.float64), readings[pixel] < 0
        rays = _rays(pixel, image_size, intrinsics)
        along = (pixel_normals[pixel] * rays).sum(axis=1)
        distance_m = depth_m * along - (pixel_normals[pixel] * points).sum(axis=1)
        tau = np.clip(3.0 * sigma(points[:, 2], noise), *truncation_m)

        cosine = along / np.linalg.norm(rays, axis=1)
        weight = cosine * (sigma(np.float64(1.0), noise) / sigma(depth_m, noise)) ** 2
        weight = np.clip(np.where(is_edge, 0.1 * weight, weight), *READING_WEIGHTS)
        weight = np.where((depth_m > 0) & (along > 0) & (distance_m > -tau), weight, 0.0)

        clamped = np.minimum(distance_m, tau) / sdf_unit_m
        rounding = dither[dither_offset(index.coords[slot]) :][:512].astype(np.float64)
        _fuse(blocks.sdf[slot], blocks.weight[slot], clamped, weight, max_units, rounding)
        is_near = (weight > 0) & (np.abs(distance_m) < tau / 3.0)
        if len(rgba):
            has_color = is_near & (rgba[pixel] >> np.uint32(24) > 0)
            color_weight = np.where(has_color, weight, 0.0)
            _fuse_color(blocks.color[slot], rgba[pixel], color_weight, rounding)
        red = blocks.color[slot, 0]
        red[is_near] = np.maximum(red[is_near], 1)


def dither_offset(coord: np.ndarray) -> int:
    """Return where the dither of a block starts."""
    return int(pack(coord[None])[0]) * GOLDEN >> 55 & 511


def camera_points(coord: np.ndarray, T_camera_world: np.ndarray, voxel_size_m: float) -> np.ndarray:
    """Return the voxels of a block in the camera frame, (512, 3)."""
    T = T_camera_world.astype(np.float64)
    points_world = (coord.astype(np.int64) * 8 + VOXELS_OF_BLOCK) * voxel_size_m
    return points_world @ T[:3, :3].T + T[:3, 3]


def project(points: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Return the positions (u, v) of camera-frame points, (n, 2)."""
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    return points[:, :2] / np.maximum(points[:, 2:], 1e-3) * [fx, fy] + [cx, cy]


def nearest_pixel(
    points: np.ndarray, image_size: tuple[int, int], intrinsics: np.ndarray
) -> np.ndarray:
    """Return the flat index of the pixel that each point projects to, h w where there is none."""
    h, w = image_size
    u, v = np.floor(project(points, intrinsics) + 0.5).T
    is_inside = (points[:, 2] > NEAR_M) & (u >= 0) & (u < w) & (v >= 0) & (v < h)
    return np.where(is_inside, v * w + u, h * w).astype(np.int64)


def _rays(pixel: np.ndarray, image_size: tuple[int, int], intrinsics: np.ndarray) -> np.ndarray:
    """Return the rays through the centres of pixels, (n, 3), z-depth 1 long."""
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.divmod(pixel, max(image_size[1], 1))
    return np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(len(pixel))], axis=1)


def _normals_of_pixels(normals: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Return each pixel's normal, (h w + 1, 3).

    Pixels right of and below the last full square of 4 x 4 take its normal.
    """
    h, w = image_size
    v = np.minimum(np.arange(h) // 4, len(normals) - 1)
    u = np.minimum(np.arange(w) // 4, normals.shape[1] - 1)
    return np.concatenate([normals[v[:, None], u].reshape(-1, 3), [[0.0, 0.0, 1.0]]])


def _fuse(
    sdf: np.ndarray,
    sdf_weight: np.ndarray,
    reading: np.ndarray,
    weight: np.ndarray,
    max_units: float,
    rounding: np.ndarray,
) -> None:
    """Average the distance of one block, in place.

    Weights are those of readings, sums are in units.
    """
    units = weight / WEIGHT_UNIT
    old = sdf.astype(np.float64)
    total = sdf_weight + units
    average = old + (reading - old) * units / np.maximum(total, 1.0)
    is_read = units > 0
    sdf[is_read] = np.clip(np.floor(average + rounding), -32767, 32767)[is_read]
    new_weight = np.floor(np.minimum(total, max_units) + rounding)
    sdf_weight[is_read] = np.minimum(new_weight, 65535)[is_read]


def _fuse_color(
    color: np.ndarray, packed: np.ndarray, weight: np.ndarray, rounding: np.ndarray
) -> None:
    """Average the colour of one block, (4, 512), in place.

    A reading weighs four times what its distance does, from 1 to 4.
    """
    units = np.where(weight > 0, np.clip(4.0 * weight, 1.0, 4.0), 0.0)
    total = color[3] + units
    gain = units / np.maximum(total, 1.0)
    is_read = units > 0
    for channel in range(3):
        old = color[channel].astype(np.float64)
        new = (packed >> np.uint32(8 * channel) & np.uint32(255)).astype(np.float64)
        color[channel][is_read] = np.floor(old + (new - old) * gain + rounding)[is_read]
    color[3] = np.floor(np.minimum(total, MAX_COLOR_WEIGHT) + 0.5)
