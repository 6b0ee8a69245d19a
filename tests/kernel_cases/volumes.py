"""Volumes to check kernels of the TSDF on."""

from dataclasses import dataclass

import numpy as np

from kernel_cases.check import Case
from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.dispatch import using

VOXEL_SIZE_M = 0.02
TRUNCATION_M = (0.08, 0.24)
SDF_UNIT_M = TRUNCATION_M[1] / 32000.0
VOXELS = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)  # of a block


@dataclass(frozen=True)
class Volume:
    """Index and voxels, on the host."""

    index: block_ops.BlockIndex
    blocks: tsdf_ops.TsdfBlocks

    @property
    def num_blocks(self) -> int:
        return int(self.index.num_blocks[0])

    def copy(self) -> "Volume":
        """Return a volume with arrays of its own."""
        return Volume(
            block_ops.BlockIndex(*(array.copy() for array in self.index)),
            tsdf_ops.TsdfBlocks(*(array.copy() for array in self.blocks)),
        )


def empty_volume(coords: np.ndarray, num_free: int = 3) -> Volume:
    """Return unknown voxels in blocks (n, 3), with room for some more."""
    capacity = len(coords) + num_free
    index = block_ops.new_index(capacity)
    with using("cpu"):
        block_ops.insert_blocks(index, coords.astype(np.int32))
    return Volume(index, tsdf_ops.new_blocks(capacity))


def voxel_centers_m(index: block_ops.BlockIndex) -> np.ndarray:
    """Return the places of all voxels (blocks in use, 512, 3)."""
    coords = index.coords[: int(index.num_blocks[0])].astype(np.float64)
    return (8 * coords[:, None] + VOXELS) * VOXEL_SIZE_M


def fill_randomly(case: Case, volume: Volume) -> None:
    """Set every voxel in use to anything it may hold; others stay unknown."""
    num = volume.num_blocks
    shape = (num, 512)
    volume.blocks.sdf[:num] = case.random.integers(-32000, 32001, shape)
    volume.blocks.weight[:num] = case.random.choice([0, 1, 300, 20000, 32768], shape)
    volume.blocks.color[:num] = case.random.integers(0, 256, (num, 4, 512))
    volume.blocks.color[:num, 3] = case.random.integers(0, 33, shape)


def ball(case: Case, radius_m: float, reach_m: float) -> Volume:
    """Return a ball about the origin with known voxels within `reach_m` of its surface, but for
    some.
    """
    size = int(np.ceil((radius_m + reach_m) / (8 * VOXEL_SIZE_M)))
    grid = np.stack(np.meshgrid(*[np.arange(-size, size)] * 3, indexing="ij"), -1).reshape(-1, 3)
    middle_m = np.linalg.norm((grid + 0.5) * 8 * VOXEL_SIZE_M, axis=1)
    is_near = np.abs(middle_m - radius_m) < reach_m + 7 * VOXEL_SIZE_M
    volume = empty_volume(case.random.permutation(grid[is_near]))
    num = volume.num_blocks
    distance_m = np.linalg.norm(voxel_centers_m(volume.index), axis=-1) - radius_m
    volume.blocks.sdf[:num] = np.rint(np.clip(distance_m, -0.24, 0.24) / SDF_UNIT_M)
    is_known = (np.abs(distance_m) < reach_m) & (case.random.random((num, 512)) < 0.999)
    volume.blocks.weight[:num] = np.where(is_known, case.random.integers(1, 30000, (num, 512)), 0)
    volume.blocks.color[:num] = case.random.integers(0, 256, (num, 4, 512))
    volume.blocks.color[:num, 3] = case.random.choice([0, 5], (num, 512))
    return volume
