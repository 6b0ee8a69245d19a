"""Surface of a function of space: it is evaluated on voxel blocks, and those are meshed."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Int32

from kernels import blocks as block_ops
from kernels import mesh as mesh_ops
from kernels import tsdf as tsdf_ops
from kernels.blocks import BlockIndex
from kernels.mesh import MeshArrays
from slam.errors import SlamError

VOXELS = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1).astype(np.int32)  # (512, 3)
BLOCKS_AT_ONCE = 4096
SIZES_M = (0.001, 0.5)  # of a mesh's voxels
KNOWN = 256  # weight of a known voxel; one alone is enough

# signed distance at world points, and where it is known
Evaluate = Callable[
    [Float32[np.ndarray, "n 3"]], tuple[Float32[np.ndarray, "n"], Bool[np.ndarray, "n"]]
]


def voxel_points(
    coords: Int32[np.ndarray, "n 3"], voxel_size_m: float, voxels: Int32[np.ndarray, "k 3"]
) -> Float32[np.ndarray, "m 3"]:
    """Return the world points of some voxels of each block, block after block. A voxel is at the
    same point, to the bit, in whatever list of blocks it is asked for.
    """
    numbers = (coords[:, None] * np.int32(8) + voxels).reshape(-1, 3)
    return numbers.astype(np.float32) * np.float32(voxel_size_m)


def check_mesh_spacing(voxel_size_m: float) -> None:
    """Refuse voxels that make no mesh."""
    low_m, high_m = SIZES_M
    if not low_m <= voxel_size_m <= high_m:
        raise SlamError(
            f"the voxel size of a mesh must be {low_m:g} .. {high_m:g} m, got {voxel_size_m:g}"
        )


def covering_blocks(
    coords: Int32[np.ndarray, "n 3"], spacing_m: float, voxel_size_m: float
) -> Int32[np.ndarray, "m 3"]:
    """Return the blocks of voxels of one size that meet blocks of another spacing, once each."""
    size_m = 8 * voxel_size_m
    first = np.floor(coords.astype(np.float64) * (8 * spacing_m) / size_m).astype(np.int32)
    steps = int(np.ceil(8 * spacing_m / size_m)) + 1
    offsets = np.stack(np.unravel_index(np.arange(steps**3), (steps,) * 3), axis=-1)
    return np.unique((first[:, None] + offsets).reshape(-1, 3), axis=0).astype(np.int32)


def blocks_near(
    index: BlockIndex, spacing_m: float, voxel_size_m: float, evaluate: Evaluate
) -> Int32[np.ndarray, "n 3"]:
    """Return the voxel blocks within the blocks of an index that a surface may cross."""
    size_m = 8 * voxel_size_m
    count = int(index.num_blocks[0])
    found = []
    for first in range(0, count, BLOCKS_AT_ONCE):
        part = index.coords[first : min(first + BLOCKS_AT_ONCE, count)]
        coords = covering_blocks(part, spacing_m, voxel_size_m)
        # a block's corners, edges' and faces' middles and centre
        near = np.zeros(len(coords), dtype=bool)
        for probe in np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=-1):
            rest = np.flatnonzero(~near)
            points = ((coords[rest] + 0.5 * probe) * size_m).astype(np.float32)
            sdf_m, is_known = evaluate(points)
            near[rest] = is_known & (np.abs(sdf_m) < 0.5 * size_m)
        found.append(coords[near])
    return np.unique(np.concatenate(found or [np.zeros((0, 3), np.int32)]), axis=0)


def extract(
    coords: Int32[np.ndarray, "n 3"],
    voxel_size_m: float,
    range_m: float,
    evaluate: Evaluate,
    num_meshed: int | None = None,
) -> MeshArrays:
    """Evaluate on voxel blocks and run marching cubes over the first `num_meshed` of them (all).

    The cells at the upper faces of a block reach into its upper neighbours. Two meshes of the same
    function, of blocks that meet, meet at identical vertices if both have those neighbours.
    """
    index = block_ops.new_index(max(1, len(coords)))
    block_ops.insert_blocks(index, coords)
    blocks = tsdf_ops.new_blocks(max(1, len(coords)))
    unit_m = range_m / 16000.0  # distances beyond the range still fit
    for first in range(0, len(coords), BLOCKS_AT_ONCE):
        part = slice(first, min(first + BLOCKS_AT_ONCE, len(coords)))
        sdf_m, is_known = evaluate(voxel_points(coords[part], voxel_size_m, VOXELS))
        raw = np.clip(np.round(sdf_m / unit_m), -32000, 32000)
        blocks.sdf[part] = raw.reshape(-1, 512)
        blocks.weight[part] = np.where(is_known, KNOWN, 0).reshape(-1, 512)
    slots = np.arange(len(coords) if num_meshed is None else num_meshed, dtype=np.int32)
    return mesh_ops.extract_mesh(index, blocks, slots, voxel_size_m, 1)
