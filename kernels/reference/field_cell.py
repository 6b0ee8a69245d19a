"""Cells and decoders of the neural field in torch, shared by its query and its training step.

Everything is float32 and differentiable, by points, corner features or weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.bfloat16 import widened
from kernels.blocks import BlockIndex
from kernels.field import NUM_FEATURES, Level
from kernels.reference.blocks import find_blocks
from kernels.tsdf import TsdfGrid

if TYPE_CHECKING:
    from torch import Tensor

CORNERS = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=-1)  # (8, 3), x slowest


class Cells(NamedTuple):
    """The cells of one level that hold some points."""

    rows: Tensor  # int64 (n, 8): slot * 512 + vertex of the corners, 0 where there is no cell
    shares: Tensor  # float32 (n, 8): trilinear weights, 0 where there is no cell
    exists: Tensor  # bool (n,): there is a cell

    def interpolate(self, corners: Tensor) -> Tensor:
        """Interpolate what the corners hold (n, 8, k)."""
        return (self.shares[:, :, None] * corners).sum(dim=1)


def find_cells(index: BlockIndex, spacing_m: np.float32, points: Tensor) -> Cells:
    """Return the cells round world points (n, 3). A cell needs the blocks of all its corners."""
    import torch

    positions = points * float(np.float32(1.0) / spacing_m)
    lowest = positions.detach().floor()
    rows, exists = _corner_rows(index, lowest.long())
    fractions = (positions - lowest)[:, None]
    x, y, z = torch.where(torch.from_numpy(CORNERS) > 0, fractions, 1.0 - fractions).unbind(-1)
    return Cells(rows, x * y * z * exists[:, None], exists)


def _corner_rows(index: BlockIndex, lowest: Tensor) -> tuple[Tensor, Tensor]:
    import torch

    slots = torch.from_numpy(find_blocks(index, (lowest >> 3).numpy())).long()
    corners = (lowest & 7)[:, None] + torch.from_numpy(CORNERS)  # (n, 8, 3), 0 .. 8
    x, y, z = corners.unbind(-1)
    step = (x >> 3) * 4 + (y >> 3) * 2 + (z >> 3)
    neighbors = torch.from_numpy(index.neighbors).flatten()
    corner_slots = neighbors[slots.clamp(min=0)[:, None] * 8 + step]
    exists = (slots >= 0) & (corner_slots >= 0).all(dim=1)
    rows = corner_slots * 512 + (x & 7) * 64 + (y & 7) * 8 + (z & 7)
    return rows * exists[:, None], exists


def features_at(level: Level, rows: Tensor) -> Tensor:
    """Return the features float32 (*shape, NUM_FEATURES) of vertices."""
    import torch

    return torch.from_numpy(widened(level.features.reshape(-1, NUM_FEATURES)[rows.numpy()]))


def read_features(level: Level, cells: Cells) -> Tensor:
    """Return the features (n, 8, NUM_FEATURES) at the corners of cells."""
    return features_at(level, cells.rows)


def read_base(base: TsdfGrid, points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Interpolate the fused distance in metres, and say where all corners know it; the fused colour
    (n, 3), and where any corner has one.
    """
    import torch

    cells = find_cells(base.blocks, base.voxel_size_m, points)
    voxels = base.voxels
    sdf = torch.from_numpy(voxels.sdf).flatten()[cells.rows]
    weight = torch.from_numpy(voxels.weight.view(np.int16)).flatten()[cells.rows]  # only 0 matters
    sdf_m = (cells.shares * sdf).sum(dim=1) * float(base.sdf_unit_m)
    is_known = cells.exists & (weight != 0).all(dim=1)
    rgbw = torch.from_numpy(voxels.color).movedim(1, 2)[cells.rows >> 9, cells.rows & 511]
    shares = cells.shares.detach() * (rgbw[..., 3] > 0)
    total = shares.sum(dim=1)
    per_total = 1.0 / (255.0 * total.where(total > 0, 1.0))
    rgb = (shares[..., None] * rgbw[..., :3]).sum(dim=1) * per_total[:, None]
    return sdf_m, is_known, rgb, total > 0


def decode_middle(phi: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Decode features (n, 4) of the middle level."""
    return phi[:, 0] + (phi @ w1).relu() @ w2


def decode_fine(phi: Tensor, phi_middle: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Decode the fine residual: what the fine features change."""
    below = phi_middle @ w1[NUM_FEATURES:]
    return phi[:, 0] + ((below + phi @ w1[:NUM_FEATURES]).relu() - below.relu()) @ w2


def decode_color(phi: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Decode what is to be added to RGB (n, 3)."""
    return phi[:, :3] + (phi @ w1).relu() @ w2
