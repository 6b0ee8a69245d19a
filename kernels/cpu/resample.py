"""Moving fused blocks in numba; contract in `kernels.resample`.

Of a new block only those voxels are looked at that lie within the bounds of the moved source.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.resample import NEAR_VOXELS
from kernels.scalar.compile import inline
from kernels.scalar.resample import (
    HELD,
    MISSED,
    has_position,
    old_origin,
    read_block,
    rounded_color,
    rounded_distance,
    rounded_weight,
)
from kernels.tsdf import WEIGHT_UNIT, new_blocks

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
MIDDLE = np.float32(4.0)
REACH = np.float32(4.0 + NEAR_VOXELS)
ROUNDING = np.float32(1e-3)  # of the bounds
NUM_CHUNKS = 16  # units of parallel work, whatever the number of threads
NUM_SUMS = 7


def resample_blocks(index, blocks, Ts_old_new, coords, starts, sources, max_weight):
    result = new_blocks(len(coords))
    _resample(index, blocks, Ts_old_new, coords, starts, sources, max_weight, result)
    return result


@kernel
def _bounds(R, base, axis):
    """Return the first voxel along an axis of a new block that an old one can reach, and the one
    after the last.
    """
    middle, reach = ZERO, ROUNDING
    for k in range(3):
        middle += R[k, axis] * (MIDDLE - base[k])
        reach += abs(R[k, axis]) * REACH
    first, last = np.ceil(middle - reach), np.floor(middle + reach)
    return max(np.int64(first), 0), min(np.int64(last) + 1, 8)


@kernel
def _add(index, blocks, slot, R, base, wanted, kinds, sums):
    """Add what one old block gives to the sums of those of a new one's voxels that it has in the
    wanted way.
    """
    x0, x1 = _bounds(R, base, 0)
    y0, y1 = _bounds(R, base, 1)
    z0, z1 = _bounds(R, base, 2)
    known = blocks.weight[slot]
    for vx in range(x0, x1):
        for vy in range(y0, y1):
            px, py = np.float32(vx), np.float32(vy)
            row_x = base[0] + R[0, 0] * px + R[0, 1] * py
            row_y = base[1] + R[1, 0] * px + R[1, 1] * py
            row_z = base[2] + R[2, 0] * px + R[2, 1] * py
            for vz in range(z0, z1):
                pz = np.float32(vz)
                x, y, z = row_x + R[0, 2] * pz, row_y + R[1, 2] * pz, row_z + R[2, 2] * pz
                i = (vx << 6) | (vy << 3) | vz
                if has_position(x, y, z) != wanted or kinds[i] > wanted:
                    continue
                if _is_unknown(known, x, y, z):
                    continue
                weight, distance, color_weight, red, green, blue, marked = read_block(
                    index, blocks, slot, x, y, z
                )
                if weight > ZERO:
                    kinds[i] = wanted
                    sums[0, i] += weight
                    sums[1, i] += weight * distance
                    sums[2, i] += color_weight
                    sums[3, i] += color_weight * red
                    sums[4, i] += color_weight * green
                    sums[5, i] += color_weight * blue
                    sums[6, i] += weight * marked


@inline
def _is_unknown(weight, x, y, z):
    """Whether a cell lies inside a block and knows nothing: most do that know little."""
    i, j, k = np.uint32(max(x, ZERO)), np.uint32(max(y, ZERO)), np.uint32(max(z, ZERO))
    if max(i, j, k) >= np.uint32(7):
        return False
    c = np.uint32((i << np.uint32(6)) | (j << np.uint32(3)) | k)
    low = weight[c] | weight[c + np.uint32(1)] | weight[c + np.uint32(8)] | weight[c + np.uint32(9)]
    c = np.uint32(c + np.uint32(64))
    high = (
        weight[c] | weight[c + np.uint32(1)] | weight[c + np.uint32(8)] | weight[c + np.uint32(9)]
    )
    return (low | high) == 0


@kernel
def _write(sums, most, sdf, weight, color):
    """Write the averages of one block."""
    for i in range(512):
        sdf[i] = rounded_distance(sums[1, i], sums[0, i])
        weight[i] = rounded_weight(sums[0, i], most)
        is_marked = sums[6, i] > HALF * sums[0, i]
        red, green, blue, total = rounded_color(
            sums[3, i], sums[4, i], sums[5, i], sums[2, i], is_marked
        )
        color[0, i] = red
        color[1, i] = green
        color[2, i] = blue
        color[3, i] = total


@parallel_kernel
def _resample(index, blocks, Ts_old_new, coords, starts, sources, max_weight, result):
    most = min(np.float32(max_weight / WEIGHT_UNIT), np.float32(65535.0))
    for part in prange(NUM_CHUNKS):
        kinds = np.empty(512, np.uint8)
        sums = np.empty((NUM_SUMS, 512), np.float32)
        R = np.empty((3, 3), np.float32)
        base = np.empty(3, np.float32)
        for k in range(np.int64(part), coords.shape[0], NUM_CHUNKS):
            kinds[:] = 0
            sums[:] = ZERO
            for wanted in (HELD, MISSED):
                for source in range(starts[k], starts[k + 1]):
                    slot = sources[source]
                    T, old_coord = Ts_old_new[slot], index.coords[slot]
                    for axis in range(3):
                        base[axis] = old_origin(T, coords[k], old_coord, axis)
                        for column in range(3):
                            R[axis, column] = np.float32(T[axis, column])
                    _add(index, blocks, slot, R, base, wanted, kinds, sums)
            _write(sums, most, result.sdf[k], result.weight[k], result.color[k])
