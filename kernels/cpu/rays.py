"""Keyframe rays in numba; contracts in `kernels.rays`."""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.field import NUM_BAND
from kernels.rays import EDGE_WEIGHT, MIN_SLOPE, Rays
from kernels.scalar.noise import sigma
from kernels.scalar.random import next_random

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@kernel
def _pick(
    readings, normals, color, image_size, K, noise, cell, seed, pixel, depth_m, slope, rgbw
):  # fmt: skip
    h4, w4 = normals.shape[0], normals.shape[1]
    w = image_size[1]
    has_color = color.shape[0] > 0
    state = np.uint64(seed)
    reference = sigma(ONE, noise)
    n = 0
    for v0 in range(0, h4 * 4 - cell + 1, cell):
        for u0 in range(0, w4 * 4 - cell + 1, cell):
            state, random_v = next_random(state)
            state, random_u = next_random(state)
            v = v0 + int(random_v * np.float32(cell))
            u = u0 + int(random_u * np.float32(cell))
            reading = readings[v * w + u]
            z = abs(reading)
            if z == ZERO:
                continue
            nx = normals[v // 4, u // 4, 0]
            ny = normals[v // 4, u // 4, 1]
            nz = normals[v // 4, u // 4, 2]
            x, y = (np.float32(u) - K[2]) / K[0], (np.float32(v) - K[3]) / K[1]
            quality = min((reference / sigma(z, noise)) ** 2, ONE)
            if reading < ZERO:
                quality *= np.float32(EDGE_WEIGHT)
            pixel[n] = v * w + u
            depth_m[n] = z
            slope[n] = max(nx * x + ny * y + nz, np.float32(MIN_SLOPE))
            if has_color:
                for c in range(3):
                    rgbw[n, c] = color[v, u, c]
            rgbw[n, 3] = np.uint8(max(quality * np.float32(255.0), ONE))
            n += 1
    return n


def pick_rays(readings, normals, color, image_size, intrinsics, noise, cell, seed):
    most = (normals.shape[0] * 4 // cell) * (normals.shape[1] * 4 // cell)
    pixel = np.empty(most, np.uint32)
    depth_m = np.empty(most, np.float32)
    slope = np.empty(most, np.float32)
    rgbw = np.zeros((most, 4), np.uint8)
    n = _pick(
        readings, normals, color, image_size, intrinsics, noise, cell, seed, pixel, depth_m,
        slope, rgbw,
    )  # fmt: skip
    return Rays(pixel[:n].copy(), depth_m[:n].copy(), slope[:n].copy(), rgbw[:n].copy())


@kernel
def _sample(
    rays, image_width, has_color, K, T, truncation_m, near_m, seed,
    points, distance_m, rgb, weight, first, last,
):  # fmt: skip
    state = np.uint64(seed)
    stride = np.float32(rays.pixel.shape[0]) / np.float32(last - first)
    offset = np.empty(NUM_BAND + 1, np.float32)
    for i in range(first, last):
        state, random = next_random(state)
        r = min(int((np.float32(i - first) + random) * stride), rays.pixel.shape[0] - 1)
        pixel = np.int64(rays.pixel[r])
        u, v = np.float32(pixel % image_width), np.float32(pixel // image_width)
        x, y = (u - K[2]) / K[0], (v - K[3]) / K[1]
        z, slope = rays.depth_m[r], rays.slope[r]
        band = max(min(truncation_m / slope, z - near_m), ZERO)
        state, a = next_random(state)
        state, f = next_random(state)
        a *= a * band
        offset[0], offset[1], offset[2] = ZERO, a, -a
        offset[3] = min(near_m + f * (z - band - near_m), z - band) - z
        ray_x = T[0, 0] * x + T[0, 1] * y + T[0, 2]
        ray_y = T[1, 0] * x + T[1, 1] * y + T[1, 2]
        ray_z = T[2, 0] * x + T[2, 1] * y + T[2, 2]
        for j in range(NUM_BAND + 1):
            t = z + offset[j]
            points[i, j, 0] = T[0, 3] + ray_x * t
            points[i, j, 1] = T[1, 3] + ray_y * t
            points[i, j, 2] = T[2, 3] + ray_z * t
            distance_m[i, j] = -offset[j] * slope
        for c in range(3):
            value = np.float32(rays.rgbw[r, c]) * np.float32(1.0 / 255.0)
            rgb[i, c] = value if has_color else -ONE
        weight[i] = np.float32(rays.rgbw[r, 3]) * np.float32(1.0 / 255.0)


def sample_rays(
    rays, image_width, has_color, intrinsics, T_world_camera, truncation_m, near_m, seed, batch,
    first, last,
):  # fmt: skip
    _sample(
        rays, image_width, has_color, intrinsics, T_world_camera, np.float32(truncation_m),
        np.float32(near_m), seed, batch.points, batch.distance_m, batch.rgb, batch.weight,
        first, last,
    )  # fmt: skip
