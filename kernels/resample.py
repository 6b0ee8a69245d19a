"""Moving fused blocks: new blocks are read, trilinearly, from where their voxels were before."""

import numpy as np

from kernels.blocks import BlockIndex
from kernels.dispatch import check_array, implementation
from kernels.tsdf import TsdfBlocks

NEAR_VOXELS = 0.5  # the gap between two blocks that moved apart is filled from as far
LEAST_KNOWN = 0.51  # share of a cell: more than half, or known space would grow each time
BEND_REACH = 1.0  # ranges of a cell's distances: beyond, no surface is near


def resample_blocks(
    index: BlockIndex,
    blocks: TsdfBlocks,
    Ts_old_new: np.ndarray,
    coords: np.ndarray,
    starts: np.ndarray,
    sources: np.ndarray,
    max_weight: float,
) -> TsdfBlocks:
    """Return new blocks, in which all that was fused into old ones stands where their motions put
    it.

    New block k, at `coords` int32 (t, 3), reads the old blocks in the slots `sources` int32 (s,)
    from `starts[k]` to `starts[k + 1]`, int32 (t + 1,): all that a motion brings within
    `NEAR_VOXELS` of one of its voxels. `Ts_old_new`, float64 (slots, 3, 4), takes a position in
    voxels to where it was when the block in that slot was fused.

    A new voxel reads the sources into which its old position falls: voxels from 8 c up to, not
    including, 8 (c + 1), in each direction. Where none of them knows anything, it reads those that
    it misses by up to `NEAR_VOXELS`, at their nearest point. What is read is the trilinear mean
    over the known ones of the eight old voxels around, if they are at least `LEAST_KNOWN` of the
    cell; of the colours, over those that there are, with the trilinear colour weight. Several
    sources are averaged by weight; weights add up, to `max_weight` readings and
    `kernels.tsdf.MAX_COLOR_WEIGHT`. Everything is rounded to the nearest: motions by whole voxels
    change no bit. Red is at least 1 where readings have been near (`kernels.tsdf.TsdfBlocks`) at
    more than half of what is known.

    Where all of a cell is known and a surface is near, at less than `BEND_REACH` times the range of
    the cell's distances, the distance is bent along each axis by t (1 - t) / 2 times the smaller
    of the second differences at both ends, if they have one sign, on the nearest line of voxels:
    that is what a straight line misses of a curve. The line's voxel below the cell must lie in the
    source itself.
    """
    num_slots, num_new = len(index.coords), len(coords)
    check_array("Ts_old_new", Ts_old_new, "float64", (None, 3, 4))
    check_array("coords", coords, "int32", (None, 3))
    check_array("starts", starts, "int32", (num_new + 1,))
    check_array("sources", sources, "int32", (None,))
    if len(Ts_old_new) > num_slots:
        raise ValueError(f"there are {num_slots} slots, got {len(Ts_old_new)} motions")
    return implementation("resample", coords).resample_blocks(
        index, blocks, Ts_old_new, coords, starts, sources, max_weight
    )
