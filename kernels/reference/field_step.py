"""The training step of the neural field in torch: the definition. Autograd finds the gradients.

The leaves are the features at the corners of the samples' cells; what reaches them is added up by
vertex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kernels.field import (
    BELL_WIDTH,
    COLOR,
    FINE,
    MIDDLE,
    NUM_BAND,
    NUM_FEATURES,
    NUM_SAMPLES,
    DecoderGradient,
    Field,
    Losses,
    RayBatch,
    StepWeights,
    Touched,
)
from kernels.reference.field_cell import (
    Cells,
    decode_color,
    decode_fine,
    decode_middle,
    find_cells,
    read_base,
    read_features,
)

if TYPE_CHECKING:
    from torch import Tensor


class Outputs(NamedTuple):
    """What the decoders say of the samples, and which take part; by ray and sample."""

    middle: Tensor
    has_middle: Tensor
    sdf: Tensor  # base + fine, in truncations
    is_observed: Tensor
    rgb: Tensor  # (n, NUM_SAMPLES, 3)
    has_color: Tensor


def gradients(
    field: Field, batch: RayBatch, weights: StepWeights
) -> tuple[Losses, DecoderGradient, list[Touched]]:
    """See `kernels.field.gradients`; touched vertices come in order."""
    import torch

    num_rays = max(1, len(batch.weight))
    batch = RayBatch(*(array[batch.weight != 0] for array in batch))
    levels = (field.middle, field.fine, field.color)
    points = torch.from_numpy(batch.points).view(-1, 3)
    cells = [find_cells(level.blocks, level.spacing_m, points) for level in levels]
    corners = [read_features(*level) for level in zip(levels, cells, strict=True)]
    corners = [corner.requires_grad_() for corner in corners]
    decoders = {name: torch.from_numpy(w) for name, w in field.decoders._asdict().items()}
    learned = [decoders[name].detach().requires_grad_() for name in DecoderGradient._fields]
    decoders.update(zip(DecoderGradient._fields, learned, strict=True))

    outputs = _evaluate(field, decoders, points, cells, corners)
    by_ray, color_shares = _losses(field, batch, outputs)
    ray_shares = torch.from_numpy(batch.weight / np.float32(num_rays))
    losses = ray_shares @ by_ray
    factors = torch.tensor([getattr(weights, name, 1.0) for name in Losses._fields])
    by_leaf = torch.autograd.grad(losses @ factors, [*corners, *learned])

    curvature = (2.0 * weights.color * ray_shares[:, None] * color_shares).flatten()
    takes_part = [(by_corner != 0).flatten(1).any(dim=1) for by_corner in by_leaf[:COLOR]]
    takes_part.append(curvature > 0)
    bends = [torch.zeros_like(cell.shares) for cell in cells]
    bends[COLOR] = curvature[:, None] * cells[COLOR].shares
    touched = [
        _scatter(cell, torch.cat([by_corner, bend[:, :, None]], dim=2), part)
        for cell, by_corner, bend, part in zip(
            cells, by_leaf[: len(levels)], bends, takes_part, strict=True
        )
    ]
    return (
        Losses(*losses.tolist()),
        DecoderGradient(*(gradient.numpy() for gradient in by_leaf[len(levels) :])),
        touched,
    )


def _evaluate(
    field: Field,
    decoders: dict[str, Tensor],
    points: Tensor,
    cells: list[Cells],
    corners: list[Tensor],
) -> Outputs:
    phi = [cell.interpolate(corner) for cell, corner in zip(cells, corners, strict=True)]
    middle = decode_middle(phi[MIDDLE], decoders["middle_w1"], decoders["middle_w2"])
    base_m, is_observed, base_rgb, has_color = read_base(field.base, points)
    base = base_m / float(field.truncation_m)
    # middle features learn from their own loss only: here they are constants
    residual = decode_fine(
        phi[FINE], phi[MIDDLE].detach(), decoders["fine_w1"], decoders["fine_w2"]
    )
    rgb = base_rgb + decode_color(phi[COLOR], decoders["color_w1"], decoders["color_w2"])
    outputs = Outputs(
        middle, cells[MIDDLE].exists, base + residual, is_observed, rgb,
        cells[COLOR].exists & has_color,
    )  # fmt: skip
    return Outputs(*(values.unflatten(0, (-1, NUM_SAMPLES)) for values in outputs))


def _losses(field: Field, batch: RayBatch, outputs: Outputs) -> tuple[Tensor, Tensor]:
    """Return the losses (n, 5) of each ray, in the order of `Losses`, and the samples' shares of
    its colour (n, NUM_SAMPLES).
    """
    import torch

    distance_m, rgb_seen = torch.from_numpy(batch.distance_m), torch.from_numpy(batch.rgb)
    z = distance_m / float(field.truncation_m)
    t = z.clamp(-1.0, 1.0)
    near, free = _distance_losses(outputs.sdf, t, outputs.is_observed)

    band = slice(NUM_BAND)
    bell = 1.0 / (1.0 + (outputs.sdf[:, band] / BELL_WIDTH).square()).square()
    bell = bell * outputs.is_observed[:, band]
    bell_color = bell * outputs.has_color[:, band] * (rgb_seen[:, :1] >= 0)
    depth = (_shares(bell) * z[:, band]).sum(dim=1)
    color_shares = _shares(bell_color)
    rgb = (color_shares[:, :, None] * outputs.rgb[:, band]).sum(dim=1)
    losses = {
        "middle": sum(_distance_losses(outputs.middle, t, outputs.has_middle)),
        "near": near,
        "free": free,
        "depth": depth.square(),
        "color": (rgb - rgb_seen).square().sum(dim=1) * (bell_color > 0).any(dim=1),
    }
    by_ray = torch.stack([losses[name] for name in Losses._fields], dim=1)
    return by_ray, torch.nn.functional.pad(color_shares.detach(), (0, NUM_SAMPLES - NUM_BAND))


def _distance_losses(value: Tensor, target: Tensor, takes_part: Tensor) -> tuple[Tensor, Tensor]:
    """Square by how much the band misses its target, and by how much free space one truncation."""
    error = (value - target)[:, :NUM_BAND]
    shortfall = (value[:, NUM_BAND] - 1.0).clamp(max=0.0)
    return (
        (error.square() * takes_part[:, :NUM_BAND]).sum(dim=1),
        shortfall.square() * takes_part[:, NUM_BAND],
    )


def _shares(weights: Tensor) -> Tensor:
    """Divide weights (n, m) by their sum, unless all are zero."""
    total = weights.sum(dim=1, keepdim=True)
    return weights / total.where(total > 0, 1.0)


def _scatter(cells: Cells, by_corner: Tensor, takes_part: Tensor) -> Touched:
    """Add up what corners of cells have (n, 8, NUM_FEATURES + 1) by vertex, for those touched."""
    import torch

    rows = cells.rows[takes_part].unique()  # whole cells, in order
    places = torch.searchsorted(rows, cells.rows[takes_part]).flatten()
    gradient = torch.zeros((len(rows), NUM_FEATURES + 1))
    gradient.index_add_(0, places, by_corner[takes_part].flatten(0, 1))
    return Touched(rows.to(torch.int32).numpy(), gradient.numpy())
