"""Cells and decoders of the neural field in torch, shared by its query and its training step.

Everything is float32 and differentiable, by points, corner features or weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.blocks import BlockIndex
from kernels.field import CURVATURE, FEATURES, NUM_FEATURES, RECORD, Level
from kernels.reference.blocks import find_blocks
from kernels.tsdf import TsdfBlocks

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


def find_cells(level: Level, points: Tensor, is_clamped: bool = False) -> Cells:
    """Return the cells round world points (n, 3).

    A cell needs the blocks of all its corners; with `is_clamped` only the point's own: corners in
    others that are missing are replaced by the nearest ones in that.
    """
    import torch

    positions = points * float(np.float32(1.0) / level.spacing_m)
    lowest = positions.detach().floor()
    rows, exists = _corner_rows(level.blocks, lowest.long(), is_clamped)
    fractions = (positions - lowest)[:, None]
    x, y, z = torch.where(torch.from_numpy(CORNERS) > 0, fractions, 1.0 - fractions).unbind(-1)
    return Cells(rows, x * y * z * exists[:, None], exists)


def _corner_rows(index: BlockIndex, lowest: Tensor, is_clamped: bool) -> tuple[Tensor, Tensor]:
    import torch

    slots = torch.from_numpy(find_blocks(index, (lowest >> 3).numpy())).long()
    corners = (lowest & 7)[:, None] + torch.from_numpy(CORNERS)  # (n, 8, 3), 0 .. 8
    x, y, z = corners.unbind(-1)
    step = (x >> 3) * 4 + (y >> 3) * 2 + (z >> 3)
    neighbors = torch.from_numpy(index.neighbors).flatten()
    corner_slots = neighbors[slots.clamp(min=0)[:, None] * 8 + step]
    exists = slots >= 0
    if is_clamped:
        is_missing = corner_slots < 0
        x, y, z = torch.where(is_missing[..., None], corners.clamp(max=7), corners).unbind(-1)
        corner_slots = torch.where(is_missing, slots[:, None], corner_slots)
    else:
        exists = exists & (corner_slots >= 0).all(dim=1)
    rows = corner_slots * 512 + (x & 7) * 64 + (y & 7) * 8 + (z & 7)
    return rows * exists[:, None], exists


def records_of(level: Level) -> Tensor:
    """Return all records (m, RECORD) of a level, not a copy."""
    import torch

    return torch.from_numpy(level.vertices).view(-1, RECORD)


def read_features(level: Level, cells: Cells) -> Tensor:
    """Return a copy of the features (n, 8, NUM_FEATURES) at the corners of cells."""
    features = records_of(level)[:, FEATURES : FEATURES + NUM_FEATURES]
    return features.index_select(0, cells.rows.flatten()).view(-1, 8, NUM_FEATURES)


def read_taught(level: Level, cells: Cells) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the corners of colour cells count as (n, 8, NUM_FEATURES), and interpolated
    (n, NUM_FEATURES); also say where there is a corner that a reading has taught.
    """
    import torch

    corners = read_features(level, cells)
    curvature = records_of(level)[:, CURVATURE].index_select(0, cells.rows.flatten())
    is_taught = (curvature > 0).view(-1, 8)
    shares = cells.shares * is_taught
    total = shares.sum(dim=1)
    per_total = 1.0 / total.where(total > 0, 1.0)
    phi = (shares[:, :, None] * corners).sum(dim=1) * per_total[:, None]
    return torch.where(is_taught[:, :, None], corners, phi[:, None]), phi, total > 0


def read_mean(mean: TsdfBlocks, cells: Cells) -> tuple[Tensor, Tensor]:
    """Interpolate the fused mean distance, in its units; also say where all corners know it."""
    import torch

    sdf = torch.from_numpy(mean.sdf).flatten()[cells.rows]
    weight = torch.from_numpy(mean.weight.view(np.int16)).flatten()[cells.rows]  # only 0 matters
    return (cells.shares * sdf).sum(dim=1), cells.exists & (weight != 0).all(dim=1)


def decode(phi: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Decode features (n, 4) of the coarse or the middle level."""
    return phi[:, 0] + (phi @ w1).relu() @ w2


def decode_fine(phi: Tensor, phi_middle: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Decode the fine residual: what the fine features change."""
    below = phi_middle @ w1[NUM_FEATURES:]
    return phi[:, 0] + ((below + phi @ w1[:NUM_FEATURES]).relu() - below.relu()) @ w2


def decode_color(phi: Tensor, w1: Tensor, w2: Tensor) -> Tensor:
    """Decode RGB (n, 3), about 0..1."""
    return 0.5 + phi[:, :3] + (phi @ w1).relu() @ w2
