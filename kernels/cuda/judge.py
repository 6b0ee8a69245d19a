"""Judging readings on CUDA; contract in `kernels.judge`. A thread works on a pixel."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.launch import device, kernel, launch_over
from kernels.judge import RINGS_PX
from kernels.scalar.judge import farness, judged, noisiness, ring, scale, unit

ZERO = np.float32(0.0)
NEAR, FAR = RINGS_PX


@device
def _at(depth_m, v, u):
    """Return the inverse depth of a pixel, 0 outside the image."""
    h, w = depth_m.shape
    is_inside = v >= 0 and v < h and u >= 0 and u < w
    return farness(depth_m[v, u]) if is_inside else ZERO


@device
def _ring(depth_m, v, u, r, here, per_sigma):
    return ring(
        here, per_sigma,
        _at(depth_m, v, u - r), _at(depth_m, v, u + r),
        _at(depth_m, v - r, u - r), _at(depth_m, v + r, u + r),
        _at(depth_m, v - r, u), _at(depth_m, v + r, u),
        _at(depth_m, v - r, u + r), _at(depth_m, v + r, u - r),
    )  # fmt: skip


@kernel
def _judge(depth_m, noise, network, out):
    i = cuda.grid(1)
    w = depth_m.shape[1]
    if i < depth_m.shape[0] * w:
        v, u = i // w, i % w
        z = depth_m[v, u]
        believed = ZERO
        if z > ZERO:
            here = farness(z)
            per_sigma, relative = scale(z, noise)
            near, near_weight, near_sum = _ring(depth_m, v, u, NEAR, here, per_sigma)
            far, far_weight, far_sum = _ring(depth_m, v, u, FAR, here, per_sigma)
            noisy = noisiness(relative)
            units = (
                unit(network, 0, near, far, noisy), unit(network, 1, near, far, noisy),
                unit(network, 2, near, far, noisy), unit(network, 3, near, far, noisy),
                unit(network, 4, near, far, noisy), unit(network, 5, near, far, noisy),
                unit(network, 6, near, far, noisy), unit(network, 7, near, far, noisy),
            )  # fmt: skip
            believed = judged(
                z, relative, network, units, near_weight, near_sum, far_weight, far_sum
            )
        out[v, u] = believed


def judged_depth(depth_m, noise, network):
    out = empty(tuple(depth_m.shape), torch.float32)
    launch_over(_judge, depth_m.numel(), depth_m, noise, network, out)
    return out
