"""Whether two fusions of the same blocks show the same surface, and their average if they do."""

import numpy as np
from jaxtyping import Bool, Int, Int32

from kernels.tsdf import MAX_COLOR_WEIGHT, WEIGHT_UNIT, TsdfBlocks

MAX_VOXELS = 0.5  # by which the surfaces of two fusions may differ
NEAR_SHARE = 0.5  # of the narrow truncation: voxels as near to a surface are compared
FREE_SHARE = 0.9  # of it: from there on a voxel is in free space
MIN_COSINE = 0.7  # between the slopes of one surface; the back of a thin wall is another one
MIN_SHARE = 1 / 8  # of a block's voxels that can be compared, for a verdict
NOISE_MEDIAN = 0.6745 * 2.0  # of a normal distribution's sigma, and twice as much to be sure
# every other voxel of a block along each axis: the verdict is the same at an eighth of the work
_SAMPLED = np.arange(512).reshape(8, 8, 8)[::2, ::2, ::2].ravel()
_NEXT = [_SAMPLED + step for step in (64, 8, 1)]  # along each axis
Slots = Int[np.ndarray, "k"] | Bool[np.ndarray, "n"]  # which blocks
AGREE, DIFFER, UNCLEAR = 0, 1, 2


def verdicts(
    a: TsdfBlocks, b: TsdfBlocks, voxel_units: float, narrow_units: float, sigma_units: float
) -> Int32[np.ndarray, "n"]:
    """Return for each pair of blocks, whose voxels are at the same places, whether their surfaces
    agree, differ, or have too little in common.

    Compared are voxels near a surface of either that slopes the same way in both; they are off by
    more than half a voxel and what the noise of their readings explains, or not. So are voxels just
    behind a surface of one that the other has seen to be free. Blocks differ where more than half
    of all these are off. `sigma_units` is the noise of a reading at 1 m, which weighs 1; distances
    are in units of the voxels' distance.
    """
    sdf_a, sdf_b = (blocks.sdf[:, _SAMPLED].astype(np.float32) for blocks in (a, b))
    weight_a, weight_b = (blocks.weight[:, _SAMPLED].astype(np.float32) for blocks in (a, b))
    is_known = (weight_a > 0) & (weight_b > 0)
    is_near = np.minimum(np.abs(sdf_a), np.abs(sdf_b)) < NEAR_SHARE * narrow_units
    is_same = is_known & is_near & _slope_alike(a, sdf_a, b, sdf_b)
    per_reading = 1.0 / np.maximum(weight_a, 1.0) + 1.0 / np.maximum(weight_b, 1.0)
    noise = NOISE_MEDIAN * sigma_units * np.sqrt(per_reading / WEIGHT_UNIT)
    is_off = is_same & (np.abs(sdf_a - sdf_b) > MAX_VOXELS * voxel_units + noise)
    is_free_behind = _is_free_behind(sdf_a, sdf_b, narrow_units)
    is_free_behind |= _is_free_behind(sdf_b, sdf_a, narrow_units)
    is_free_behind &= is_known & ~is_same
    num = (is_same | is_free_behind).sum(axis=1)
    num_off = (is_off | is_free_behind).sum(axis=1)
    result = np.where(2 * num_off > num, DIFFER, AGREE)
    return np.where(num >= MIN_SHARE * len(_SAMPLED), result, UNCLEAR).astype(np.int32)


def _slope_alike(a: TsdfBlocks, sdf_a, b: TsdfBlocks, sdf_b) -> Bool[np.ndarray, "n k"]:
    """Tell at which voxels the distance rises in about the same direction."""
    product, square_a, square_b = (np.zeros(sdf_a.shape, np.float32) for _ in range(3))
    is_known = np.ones(sdf_a.shape, bool)
    for next_voxel in _NEXT:
        rise_a, rise_b = a.sdf[:, next_voxel] - sdf_a, b.sdf[:, next_voxel] - sdf_b
        is_known &= (a.weight[:, next_voxel] > 0) & (b.weight[:, next_voxel] > 0)
        product += rise_a * rise_b
        square_a += rise_a * rise_a
        square_b += rise_b * rise_b
    return is_known & (product > MIN_COSINE * np.sqrt(square_a * square_b))


def _is_free_behind(sdf_a, sdf_b, narrow_units: float) -> Bool[np.ndarray, "n k"]:
    """Tell which voxels just behind a surface of the first are free in the second."""
    is_behind = (sdf_a < 0) & (sdf_a > -NEAR_SHARE * narrow_units)
    return is_behind & (sdf_b >= FREE_SHARE * narrow_units)


def averaged(a: TsdfBlocks, b: TsdfBlocks, max_weight: float) -> TsdfBlocks:
    """Return the average of two fusions of the same blocks, by weight."""
    weights = [blocks.weight.astype(np.float32) for blocks in (a, b)]
    total = weights[0] + weights[1]
    share = weights[1] / np.maximum(total, 1.0)
    sdf = a.sdf + (b.sdf.astype(np.float32) - a.sdf) * share
    color_weights = [blocks.color[:, 3].astype(np.float32) for blocks in (a, b)]
    color_total = color_weights[0] + color_weights[1]
    color_share = (color_weights[1] / np.maximum(color_total, 1.0))[:, None]
    color = a.color + (b.color.astype(np.float32) - a.color) * color_share
    color[:, 3] = np.minimum(color_total, MAX_COLOR_WEIGHT)
    color[:, 0] = np.maximum(color[:, 0], (a.color[:, 0] > 0) | (b.color[:, 0] > 0))  # the marks
    most = min(max_weight / WEIGHT_UNIT, 65535.0)
    return TsdfBlocks(
        np.rint(sdf).astype(np.int16),
        np.rint(np.minimum(total, most)).astype(np.uint16),
        np.rint(color).astype(np.uint8),
    )


def picked(blocks: TsdfBlocks, which: Slots) -> TsdfBlocks:
    """Return a copy of some blocks."""
    return TsdfBlocks(*(array[which] for array in blocks))


def put(blocks: TsdfBlocks, slots: Slots, new: TsdfBlocks) -> None:
    """Write blocks into slots, in place."""
    for to, of in zip(blocks, new, strict=True):
        to[slots] = of
