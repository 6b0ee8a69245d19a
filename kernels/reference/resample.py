"""Moving fused blocks in plain numpy, float64: the definition."""

import numpy as np

from kernels.blocks import BlockIndex
from kernels.reference.query import CORNERS, read_voxels
from kernels.reference.tsdf import VOXELS_OF_BLOCK
from kernels.resample import BEND_REACH, LEAST_KNOWN, NEAR_VOXELS
from kernels.tsdf import MAX_COLOR_WEIGHT, WEIGHT_UNIT, TsdfBlocks, new_blocks

ALL = 0.9999  # of a cell, but for rounding
NUM_SUMS = 7  # weight, that times distance and mark, colour weight, and that times colours


def resample_blocks(
    index: BlockIndex,
    blocks: TsdfBlocks,
    Ts_old_new: np.ndarray,
    coords: np.ndarray,
    starts: np.ndarray,
    sources: np.ndarray,
    max_weight: float,
) -> TsdfBlocks:
    """See `kernels.resample.resample_blocks`."""
    result = new_blocks(len(coords))
    for k, coord in enumerate(coords.astype(np.int64)):
        held, near = np.zeros((NUM_SUMS, 512)), np.zeros((NUM_SUMS, 512))
        for slot in sources[starts[k] : starts[k + 1]].tolist():
            T_old_new, origin = Ts_old_new[slot], 8 * index.coords[slot].astype(np.int64)
            new = 8 * coord + VOXELS_OF_BLOCK
            old = new @ T_old_new[:, :3].T + (T_old_new[:, 3] - origin)
            old = old.round(6)  # finer than float32 is; a motion by whole voxels ends on voxels
            is_held = ((old >= 0.0) & (old < 8.0)).all(axis=1)
            is_near = ((old >= -NEAR_VOXELS) & (old < 8.0 + NEAR_VOXELS)).all(axis=1)
            read = _read(index, blocks, origin, np.clip(old, 0.0, 8.0))
            held += np.where(is_held, read, 0.0)
            near += np.where(is_near & ~is_held, read, 0.0)
        _write(np.where(held[0] > 0, held, near), result, k, max_weight / WEIGHT_UNIT)
    return result


def _read(index: BlockIndex, blocks: TsdfBlocks, origin: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Return the sums (7, 512) of what one block gives; zeros where it knows too little."""
    lowest = np.minimum(np.floor(old), 7.0)
    fractions = old - lowest
    known, weight, distance = np.zeros(512), np.zeros(512), np.zeros(512)
    marked, low, high = np.zeros(512), np.full(512, 32767.0), np.full(512, -32767.0)
    colored, color_weight, color = np.zeros(512), np.zeros(512), np.zeros((3, 512))
    for corner in CORNERS:
        share = np.where(corner, fractions, 1.0 - fractions).prod(axis=1)
        voxels = read_voxels(index, blocks, origin + lowest.astype(np.int64) + corner)
        is_known = voxels.weight > 0
        known += share * is_known
        weight += share * voxels.weight
        distance += share * np.where(is_known, voxels.sdf, 0.0)
        is_read = is_known & (share > 0)
        low = np.where(is_read, np.minimum(low, voxels.sdf), low)
        high = np.where(is_read, np.maximum(high, voxels.sdf), high)
        marked += share * (is_known & (voxels.color[:, 0] > 0))
        share_colored = share * (is_known & (voxels.color[:, 3] > 0))
        colored += share_colored
        color_weight += share_colored * voxels.color[:, 3]
        color += share_colored * voxels.color[:, :3].T
    weight, distance, marked = (
        total / np.where(known > 0, known, 1.0) for total in (weight, distance, marked)
    )
    is_bent = (known > ALL) & (np.abs(distance) < BEND_REACH * (high - low))
    distance -= np.where(is_bent, _curvature(index, blocks, origin, lowest, fractions), 0.0)
    color /= np.where(colored > 0, colored, 1.0)
    sums = np.stack(
        [weight, weight * distance, weight * marked, color_weight, *(color_weight * color)]
    )
    return np.where(known >= LEAST_KNOWN, sums, 0.0)


def _curvature(
    index: BlockIndex,
    blocks: TsdfBlocks,
    origin: np.ndarray,
    lowest: np.ndarray,
    fractions: np.ndarray,
) -> np.ndarray:
    """Return what the trilinear distance lacks of a curve, (512,)."""
    nearest = np.floor(lowest + fractions + 0.5)
    total = np.zeros(512)
    for axis, step in enumerate(np.eye(3, dtype=np.int64)):
        first = np.where(step, lowest, nearest).astype(np.int64) - step
        line = [read_voxels(index, blocks, origin + first + k * step) for k in range(4)]
        is_known = np.all([voxels.weight > 0 for voxels in line], axis=0) & (first[:, axis] >= 0)
        ends = [line[k].sdf - 2.0 * line[k + 1].sdf + line[k + 2].sdf for k in range(2)]
        smaller = np.where(np.abs(ends[0]) < np.abs(ends[1]), *ends)
        t = fractions[:, axis]
        is_curve = is_known & (ends[0] * ends[1] > 0)
        total += np.where(is_curve, t * (1.0 - t) / 2.0 * smaller, 0.0)
    return total


def _write(sums: np.ndarray, result: TsdfBlocks, k: int, max_units: float) -> None:
    """Write the averages of one block."""
    weight, distance, marked, color_weight, *color = sums
    mean = np.floor(distance / np.where(weight > 0, weight, 1.0) + 0.5)
    result.sdf[k] = np.clip(mean, -32767, 32767)
    result.weight[k] = np.floor(np.minimum(weight, min(max_units, 65535.0)) + 0.5)
    total = np.floor(np.minimum(color_weight, MAX_COLOR_WEIGHT) + 0.5)
    result.color[k, 3] = total
    for channel in range(3):
        mean = np.floor(color[channel] / np.where(total > 0, color_weight, 1.0) + 0.5)
        result.color[k, channel] = np.where(total > 0, mean, 0.0)
    result.color[k, 0][(result.color[k, 0] == 0) & (marked > 0.5 * weight)] = 1
