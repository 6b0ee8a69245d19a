"""Surface extraction from TSDF blocks."""

from typing import NamedTuple

import numpy as np

from kernels.blocks import BlockIndex
from kernels.dispatch import check_array, implementation
from kernels.tsdf import TsdfBlocks


class MeshArrays(NamedTuple):
    """An indexed mesh."""

    vertices_m: np.ndarray  # float32 (v, 3)
    colors: np.ndarray  # uint8 (v, 3)
    triangles: np.ndarray  # int32 (t, 3), counter-clockwise seen from free space


def extract_mesh(
    index: BlockIndex,
    blocks: TsdfBlocks,
    slots: np.ndarray,
    voxel_size_m: float,
    min_weight: int,
) -> MeshArrays:
    """Run marching cubes over the cells of the blocks `slots` (int32, without repeats).

    A cell has a surface where all its corners weigh at least `min_weight` (in raw units) and their
    signs differ. Vertices are shared, also between blocks of the list, and each is used by a
    triangle. So the meshes of two lists of blocks meet at identical vertices. Colours are
    interpolated like positions; grey where no colour is known. On a GPU all arrays are tensors, and
    the numbers of vertices and triangles are read back.
    """
    check_array("slots", slots, "int32", (None,))
    return implementation("mesh", slots).extract_mesh(
        index, blocks, slots, voxel_size_m, min_weight
    )
