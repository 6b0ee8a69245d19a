"""TSDF point query in plain numpy, float64: the definition."""

from typing import NamedTuple

import numpy as np

from kernels.blocks import BlockIndex
from kernels.reference.blocks import find_blocks
from kernels.tsdf import TsdfBlocks

CORNERS = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=-1)  # (8, 3), x slowest


class Voxels(NamedTuple):
    """Voxels read by coordinate; zeros where there is no block."""

    sdf: np.ndarray  # float64 (n,), in units
    weight: np.ndarray  # float64 (n,), in units; known where above 0
    color: np.ndarray  # float64 (n, 4): red, green, blue, weight


def read_voxels(index: BlockIndex, blocks: TsdfBlocks, voxels: np.ndarray) -> Voxels:
    """Read voxels by their integer coordinates (n, 3)."""
    slots = find_blocks(index, voxels >> 3)
    x, y, z = (voxels & 7).T
    i = x * 64 + y * 8 + z
    exists = slots >= 0
    return Voxels(
        np.where(exists, blocks.sdf[slots, i], 0).astype(np.float64),
        np.where(exists, blocks.weight[slots, i], 0).astype(np.float64),
        np.where(exists[:, None], blocks.color[slots, :, i], 0).astype(np.float64),
    )


class Cells(NamedTuple):
    """The cells that hold some points: the eight voxels around each, and its place between them."""

    corners: list[Voxels]
    fractions: np.ndarray  # (n, 3) in [0, 1)
    is_known: np.ndarray  # bool (n,): all eight voxels are known

    def shares(self, c: int) -> np.ndarray:
        """Return the trilinear weight of corner c."""
        return np.where(CORNERS[c], self.fractions, 1.0 - self.fractions).prod(axis=1)

    def is_read(self) -> np.ndarray:
        """Tell where any corner has had a reading close by; see `TsdfBlocks`."""
        return np.any([corner.color[:, [0, 3]] > 0 for corner in self.corners], axis=(0, 2))

    def distance(self) -> np.ndarray:
        """Return the interpolated distance, in units."""
        return sum((self.shares(c) * self.corners[c].sdf for c in range(8)), np.zeros(1))

    def gradient(self) -> np.ndarray:
        """Return the exact gradient of `distance`, units per voxel (n, 3)."""
        gradient = np.zeros((len(self.fractions), 3))
        for c in range(8):
            shares = np.where(CORNERS[c], self.fractions, 1.0 - self.fractions)
            for axis in range(3):
                sign = 1.0 if CORNERS[c, axis] else -1.0
                across = np.delete(shares, axis, axis=1).prod(axis=1)
                gradient[:, axis] += sign * across * self.corners[c].sdf
        return gradient


def read_cells(index: BlockIndex, blocks: TsdfBlocks, positions: np.ndarray) -> Cells:
    """Read the cells around positions (n, 3), in voxels."""
    lowest = np.floor(positions).astype(np.int64)
    corners = [read_voxels(index, blocks, lowest + corner) for corner in CORNERS]
    is_known = np.all([corner.weight > 0 for corner in corners], axis=0)
    return Cells(corners, positions - lowest, is_known)


def query(
    index: BlockIndex,
    blocks: TsdfBlocks,
    points: np.ndarray,
    voxel_size_m: float,
    sdf_unit_m: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.tsdf.query`."""
    cells = read_cells(index, blocks, points.astype(np.float64) / voxel_size_m)
    sdf_m = np.where(cells.is_known, cells.distance() * sdf_unit_m, 0.0)
    slope = cells.gradient() * (sdf_unit_m / voxel_size_m)
    gradient = np.where(cells.is_known[:, None], slope, 0.0)
    return sdf_m.astype(np.float32), gradient.astype(np.float32), cells.is_known
