"""Depth preparation on CUDA; contracts in `kernels.depth`."""

import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.launch import kernel, launch_over
from kernels.scalar.depth import halved


@kernel
def _halve(depth_m, noise, out):
    i = cuda.grid(1)
    w = out.shape[1]
    if i < out.shape[0] * w:
        v, u = i // w, i % w
        out[v, u] = halved(
            depth_m[2 * v, 2 * u], depth_m[2 * v, 2 * u + 1],
            depth_m[2 * v + 1, 2 * u], depth_m[2 * v + 1, 2 * u + 1], noise,
        )  # fmt: skip


def halve_depth(depth_m, noise):
    out = empty((depth_m.shape[0] // 2, depth_m.shape[1] // 2), torch.float32)
    launch_over(_halve, out.numel(), depth_m, noise, out)
    return out
