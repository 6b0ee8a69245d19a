"""Keyframe rays in numba; contracts in `kernels.rays`."""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.rays import UNCOLORED, Rays
from kernels.scalar.noise import sigma
from kernels.scalar.random import next_random
from kernels.scalar.rays import drawn, sample, slope_along, weight_byte

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@kernel
def _pick(
    readings, normals, color, color_mask, image_size, K, noise, cell, seed, pixel, depth_m, slope,
    rgbw,
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
            if reading == ZERO:
                continue
            nx = normals[v // 4, u // 4, 0]
            ny = normals[v // 4, u // 4, 1]
            nz = normals[v // 4, u // 4, 2]
            x, y = (np.float32(u) - K[2]) / K[0], (np.float32(v) - K[3]) / K[1]
            pixel[n] = v * w + u
            depth_m[n] = abs(reading)
            slope[n] = slope_along(x, y, nx, ny, nz)
            if has_color:
                for c in range(3):
                    rgbw[n, c] = color[v, u, c]
                if color_mask.shape[0] > 0 and not color_mask[v, u]:
                    pixel[n] += np.uint32(UNCOLORED)
            rgbw[n, 3] = weight_byte(reading, reference, noise)
            n += 1
    return n


def pick_rays(
    readings, normals, color, image_size, intrinsics, noise, cell, seed, color_mask=None
):  # fmt: skip
    most = (normals.shape[0] * 4 // cell) * (normals.shape[1] * 4 // cell)
    pixel = np.empty(most, np.uint32)
    depth_m = np.empty(most, np.float32)
    slope = np.empty(most, np.float32)
    rgbw = np.zeros((most, 4), np.uint8)
    mask = np.empty((0, 0), np.bool_) if color_mask is None else color_mask
    n = _pick(
        readings, normals, color, mask, image_size, intrinsics, noise, cell, seed, pixel, depth_m,
        slope, rgbw,
    )  # fmt: skip
    return Rays(pixel[:n].copy(), depth_m[:n].copy(), slope[:n].copy(), rgbw[:n].copy())


@kernel
def _sample(
    rays, image_width, has_color, K, T, truncation_m, near_m, seed, batch, first, last
):  # fmt: skip
    state = np.uint64(seed)
    num_rays = rays.pixel.shape[0]
    stride = np.float32(num_rays) / np.float32(last - first)
    for i in range(first, last):
        state, random = next_random(state)
        r = drawn(i - first, random, stride, num_rays)
        state, a = next_random(state)
        state, f = next_random(state)
        sample(rays, r, image_width, has_color, K, T, truncation_m, near_m, a, f, batch, i)


def sample_rays(
    rays, image_width, has_color, intrinsics, T_world_camera, truncation_m, near_m, seed, batch,
    first, last,
):  # fmt: skip
    _sample(
        rays, image_width, has_color, intrinsics, T_world_camera, np.float32(truncation_m),
        np.float32(near_m), seed, batch, first, last,
    )  # fmt: skip
