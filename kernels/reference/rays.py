"""Keyframe rays in plain numpy: the definition."""

import numpy as np

from kernels.field import NUM_BAND, RayBatch
from kernels.rays import EDGE_WEIGHT, MIN_SLOPE, UNCOLORED, Rays
from kernels.reference.depth import sigma

GAMMA = 0x9E3779B97F4A7C15


def mixed(state: np.ndarray) -> np.ndarray:
    """Return the 64 random bits of states (uint64) of splitmix64 (Steele, Lea and Flood 2014)."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random_numbers(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 numbers in [0, 1) of the stream splitmix64."""
    count = np.arange(1, 1 + np.prod(shape, dtype=np.int64)).astype(np.uint64)
    z = mixed(np.uint64(seed) + count * np.uint64(GAMMA))
    return ((z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)).reshape(shape)


def pick_rays(
    readings: np.ndarray,
    normals: np.ndarray,
    color: np.ndarray,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    noise: np.ndarray,
    cell: int,
    seed: int,
    color_mask: np.ndarray | None = None,
) -> Rays:
    """See `kernels.rays.pick_rays`.

    Cells are those of the part of the image that has normals, row by row; each takes two random
    numbers, for v and u.
    """
    num_v, num_u = normals.shape[0] * 4 // cell, normals.shape[1] * 4 // cell
    inside = (random_numbers(seed, (num_v, num_u, 2)) * np.float32(cell)).astype(np.int64)
    v, u = np.indices((num_v, num_u)) * cell + np.moveaxis(inside, -1, 0)
    reading = readings[v * image_size[1] + u]
    v, u, reading = v[reading != 0], u[reading != 0], reading[reading != 0]

    fx, fy, cx, cy = intrinsics.astype(np.float64)
    ray = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(len(u))], axis=1)
    slope = (normals[v // 4, u // 4] * ray).sum(axis=1)
    depth_m = np.abs(reading)
    weight = np.minimum((sigma(np.float64(1.0), noise) / sigma(depth_m, noise)) ** 2, 1.0)
    weight *= np.where(reading < 0, EDGE_WEIGHT, 1.0)
    rgbw = np.zeros((len(u), 4), np.uint8)
    if len(color):
        rgbw[:, :3] = color[v, u]
    rgbw[:, 3] = np.maximum(255.0 * weight, 1.0)
    pixel = (v * image_size[1] + u).astype(np.uint32)
    if color_mask is not None and len(color):
        pixel[~color_mask[v, u]] += UNCOLORED
    return Rays(
        pixel,
        depth_m,
        np.maximum(slope, MIN_SLOPE).astype(np.float32),
        rgbw,
    )


def sample_rays(
    rays: Rays,
    image_width: int,
    has_color: bool,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    truncation_m: float,
    near_m: float,
    seed: int,
    batch: RayBatch,
    first: int,
    last: int,
) -> None:
    """See `kernels.rays.sample_rays`.

    A drawn ray takes a random number for itself, one for each pair of its band, and one for the
    sample in free space. That one is on a reading nearer than near_m.
    """
    num = last - first
    random = random_numbers(seed, (num, 2 + NUM_BAND // 2))
    stride = np.float32(len(rays.pixel)) / np.float32(max(num, 1))
    drawn = ((np.arange(num, dtype=np.float32) + random[:, 0]) * stride).astype(np.int64)
    drawn = np.minimum(drawn, len(rays.pixel) - 1)

    z, slope = rays.depth_m[drawn].astype(np.float64), rays.slope[drawn].astype(np.float64)
    band_m = np.maximum(np.minimum(truncation_m / slope, z - near_m), 0.0)
    apart_m = random[:, 1:-1].astype(np.float64) ** 2 * band_m[:, None]  # (num, pairs)
    pairs = np.stack([apart_m, -apart_m], axis=2).reshape(num, NUM_BAND // 2 * 2)
    start = z - band_m
    free = np.minimum(near_m + random[:, -1] * (start - near_m), start) - z
    offset_m = np.concatenate([np.zeros((num, NUM_BAND % 2)), pairs, free[:, None]], axis=1)

    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.divmod(rays.pixel[drawn].astype(np.int64) % UNCOLORED, image_width)
    ray = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(num)], axis=1)
    T = T_world_camera.astype(np.float64)
    along = (z[:, None] + offset_m)[:, :, None]
    batch.points[first:last] = T[:3, 3] + along * (ray @ T[:3, :3].T)[:, None]
    batch.distance_m[first:last] = -offset_m * slope[:, None]
    is_colored = has_color & (rays.pixel[drawn] < UNCOLORED)
    batch.rgb[first:last] = np.where(is_colored[:, None], rays.rgbw[drawn, :3] / 255.0, -1.0)
    batch.weight[first:last] = rays.rgbw[drawn, 3] / 255.0
