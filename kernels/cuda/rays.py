"""Keyframe rays on CUDA; contracts in `kernels.rays`. A thread works on a cell or a ray.

The random numbers are those of the CPU: the k-th of a stream is a function of its seed and k.
"""

from typing import NamedTuple

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty, to_device
from kernels.cuda.compact import count_up
from kernels.cuda.launch import device, kernel, launch_over
from kernels.field import NUM_BAND, RayBatch
from kernels.rays import UNCOLORED, Rays
from kernels.scalar.noise import sigma
from kernels.scalar.random import GAMMA, random_of
from kernels.scalar.rays import drawn, sample, slope_along, weight_byte

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
DRAWS_PER_RAY = 2 + NUM_BAND // 2  # which ray, each pair of its band, free space


class RayWindow(NamedTuple):
    """The keyframes that a batch is drawn from: k of them, whose rays lie in one pool."""

    first_ray: torch.Tensor  # int32 (k,): where its rays start in the pool
    num_rays: torch.Tensor  # int32 (k,)
    image_width: torch.Tensor  # int32 (k,)
    has_color: torch.Tensor  # int32 (k,): 0 or 1
    intrinsics: torch.Tensor  # float32 (k, 4)
    T_world_camera: torch.Tensor  # float32 (k, 4, 4)
    seed: torch.Tensor  # int64 (k,)
    bounds: torch.Tensor  # int32 (k + 1,): batch[bounds[i]:bounds[i + 1]] comes from keyframe i
    truncation_m: float
    near_m: float


@device
def _random(seed, k):
    """Return the k-th number of a stream, from 0."""
    return random_of(np.uint64(seed) + np.uint64(k + 1) * np.uint64(GAMMA))


@kernel
def _choose(readings, image_width, num_u, cell, seed, pixel, is_chosen):
    i = cuda.grid(1)
    if i < pixel.shape[0]:
        v = i // num_u * cell + np.int32(_random(seed, 2 * i) * np.float32(cell))
        u = i % num_u * cell + np.int32(_random(seed, 2 * i + 1) * np.float32(cell))
        pixel[i] = v * image_width + u
        is_chosen[i] = 1 if readings[v * image_width + u] != ZERO else 0


@kernel
def _describe(
    readings, normals, color, color_mask, image_width, K, noise, pixel, is_chosen, ends, rays
):  # fmt: skip
    i = cuda.grid(1)
    if i < pixel.shape[0] and is_chosen[i] == 1:
        n = ends[i] - 1
        v, u = pixel[i] // image_width, pixel[i] % image_width
        reading = readings[pixel[i]]
        x, y = (np.float32(u) - K[2]) / K[0], (np.float32(v) - K[3]) / K[1]
        row, column = v // 4, u // 4
        is_uncolored = color_mask.shape[0] > 0 and color.shape[0] > 0 and not color_mask[v, u]
        rays.pixel[n] = np.uint32(pixel[i]) + np.uint32(UNCOLORED if is_uncolored else 0)
        rays.depth_m[n] = abs(reading)
        rays.slope[n] = slope_along(
            x, y, normals[row, column, 0], normals[row, column, 1], normals[row, column, 2]
        )
        for c in range(3):
            rays.rgbw[n, c] = color[v, u, c] if color.shape[0] > 0 else 0
        rays.rgbw[n, 3] = weight_byte(reading, sigma(ONE, noise), noise)


def pick_rays(
    readings, normals, color, image_size, intrinsics, noise, cell, seed, color_mask=None
):  # fmt: skip
    num_v, num_u = normals.shape[0] * 4 // cell, normals.shape[1] * 4 // cell
    num_cells, width = num_v * num_u, image_size[1]
    pixel = empty((num_cells,), torch.int32)
    is_chosen = empty((num_cells,), torch.int32)
    launch_over(_choose, num_cells, readings, width, num_u, cell, np.int64(seed), pixel, is_chosen)
    ends, count = count_up(is_chosen)
    rays = Rays(
        empty((num_cells,), torch.uint32),
        empty((num_cells,), torch.float32),
        empty((num_cells,), torch.float32),
        empty((num_cells, 4), torch.uint8),
    )
    mask = empty((0, 0), torch.bool) if color_mask is None else color_mask
    launch_over(
        _describe, num_cells,
        readings, normals, color, mask, width, intrinsics, noise, pixel, is_chosen, ends, rays,
    )  # fmt: skip
    n = int(count)
    return Rays(*(array[:n] for array in rays))


@kernel
def _sample(pool, window, batch):
    i = cuda.grid(1)
    num_keyframes = window.num_rays.shape[0]
    if i < batch.weight.shape[0] and window.bounds[0] <= i < window.bounds[num_keyframes]:
        k = 0
        for j in range(1, num_keyframes):
            if window.bounds[j] <= i:
                k = j
        first, num_rays, seed = window.bounds[k], window.num_rays[k], window.seed[k]
        if num_rays > 0:
            stride = np.float32(num_rays) / np.float32(window.bounds[k + 1] - first)
            draw = (i - first) * DRAWS_PER_RAY
            r = window.first_ray[k] + drawn(i - first, _random(seed, draw), stride, num_rays)
            sample(
                pool, r, window.image_width[k], window.has_color[k] != 0, window.intrinsics[k],
                window.T_world_camera[k], window.truncation_m, window.near_m,
                _random(seed, draw + 1), _random(seed, draw + 2), batch, i,
            )  # fmt: skip
        else:
            batch.weight[i] = ZERO


def sample_window(pool: Rays, window: RayWindow, batch: RayBatch) -> None:
    """Do `sample_rays` for all keyframes of a window. Of a keyframe without rays, the weights of
    its part of the batch become 0 and all else stays. Nothing is read back.
    """
    launch_over(_sample, len(batch.weight), pool, window, batch)


def sample_rays(
    rays, image_width, has_color, intrinsics, T_world_camera, truncation_m, near_m, seed, batch,
    first, last,
):  # fmt: skip
    facts = to_device(np.array([0, len(rays.pixel), image_width, int(has_color)], np.int32))
    window = RayWindow(
        *facts.split(1), intrinsics[None], T_world_camera[None],
        *to_device((np.array([seed], np.int64), np.array([first, last], np.int32))),
        truncation_m, near_m,
    )  # fmt: skip
    sample_window(rays, window, batch)
