"""Moving fused blocks on CUDA; contract in `kernels.resample`. A thread makes a voxel."""

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.launch import kernel, launch_over
from kernels.scalar.resample import (
    has_position,
    old_origin,
    read_block,
    rounded_color,
    rounded_distance,
    rounded_weight,
)
from kernels.tsdf import WEIGHT_UNIT, TsdfBlocks

ZERO = np.float32(0.0)
HALF = np.float32(0.5)


@kernel
def _resample(index, blocks, Ts_old_new, coords, starts, sources, most, result):
    thread = cuda.grid(1)
    k, i = thread >> 9, thread & 511
    if k < coords.shape[0]:
        px, py, pz = np.float32(i >> 6), np.float32((i >> 3) & 7), np.float32(i & 7)
        best = 0
        weight, distance, color_weight = ZERO, ZERO, ZERO
        red, green, blue, near = ZERO, ZERO, ZERO, ZERO
        for source in range(starts[k], starts[k + 1]):
            slot = sources[source]
            T, old_coord = Ts_old_new[slot], index.coords[slot]
            x = old_origin(T, coords[k], old_coord, 0)
            y = old_origin(T, coords[k], old_coord, 1)
            z = old_origin(T, coords[k], old_coord, 2)
            x += np.float32(T[0, 0]) * px + np.float32(T[0, 1]) * py + np.float32(T[0, 2]) * pz
            y += np.float32(T[1, 0]) * px + np.float32(T[1, 1]) * py + np.float32(T[1, 2]) * pz
            z += np.float32(T[2, 0]) * px + np.float32(T[2, 1]) * py + np.float32(T[2, 2]) * pz
            kind = has_position(x, y, z)
            if kind > 0 and kind >= best:
                w, d, color_w, r, g, b, marked = read_block(index, blocks, slot, x, y, z)
                if w > ZERO:
                    if kind > best:
                        best = kind
                        weight, distance, color_weight = ZERO, ZERO, ZERO
                        red, green, blue, near = ZERO, ZERO, ZERO, ZERO
                    weight += w
                    distance += w * d
                    color_weight += color_w
                    red += color_w * r
                    green += color_w * g
                    blue += color_w * b
                    near += w * marked
        result.sdf[k, i] = rounded_distance(distance, weight)
        result.weight[k, i] = rounded_weight(weight, most)
        r, g, b, total = rounded_color(red, green, blue, color_weight, near > HALF * weight)
        result.color[k, 0, i] = r
        result.color[k, 1, i] = g
        result.color[k, 2, i] = b
        result.color[k, 3, i] = total


def resample_blocks(index, blocks, Ts_old_new, coords, starts, sources, max_weight):
    num = coords.shape[0]
    sdf, weight = empty((num, 512), torch.int16), empty((num, 512), torch.uint16)
    result = TsdfBlocks(sdf, weight, empty((num, 4, 512), torch.uint8))
    most = min(max_weight / WEIGHT_UNIT, 65535.0)
    launch_over(
        _resample, num * 512, index, blocks, Ts_old_new, coords, starts, sources, most, result
    )
    return result
