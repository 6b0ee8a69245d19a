"""Point evaluation of the neural field in torch: the definition. The gradient is autograd's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.field import Field, Level
from kernels.reference.field_cell import (
    decode_color,
    decode_fine,
    find_cells,
    read_base,
    read_features,
)

if TYPE_CHECKING:
    from torch import Tensor


def query(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.field.query`."""
    import torch

    where = torch.tensor(points, requires_grad=True)
    weights = {name: torch.from_numpy(w) for name, w in field.decoders._asdict().items()}
    base_m, is_valid, _, _ = read_base(field.base, where)
    phi_fine, phi_middle = (_features(level, where) for level in (field.fine, field.middle))
    residual = decode_fine(phi_fine, phi_middle, weights["fine_w1"], weights["fine_w2"])
    sdf_m = (base_m + residual * float(field.truncation_m)) * is_valid
    (gradient,) = torch.autograd.grad(sdf_m.sum(), where)
    return sdf_m.detach().numpy(), gradient.numpy(), is_valid.numpy()


def color(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.field.color`."""
    import torch

    w1, w2 = map(torch.from_numpy, (field.decoders.color_w1, field.decoders.color_w2))
    where = torch.from_numpy(points)
    _, _, base, is_known = read_base(field.base, where)
    rgb = base + decode_color(_features(field.color, where), w1, w2)
    rgb = 255.0 * rgb.clamp(0.0, 1.0) + 0.5  # the cast rounds down
    rgb = rgb * is_known[:, None]
    return rgb.to(torch.uint8).numpy(), is_known.numpy()


def _features(level: Level, points: Tensor) -> Tensor:
    """Interpolate the features (n, 4) of a level at points; 0 where it is not there."""
    cells = find_cells(level.blocks, level.spacing_m, points)
    return cells.interpolate(read_features(level, cells))
