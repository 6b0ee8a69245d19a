"""Updates of the neural field: the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernels.bfloat16 import widened
from kernels.field import NUM_FEATURES, DecoderGradient, Decoders, Level, Touched
from kernels.field_update import MEMORY, SQUARE_MEMORY
from kernels.reference.field_cell import features_at
from kernels.reference.rays import GAMMA, mixed

if TYPE_CHECKING:
    from torch import Tensor

EPSILON = 1e-12


def adagrad(
    level: Level, touched: Touched, rate: float, smoothness: float, seed: np.ndarray
) -> None:
    """See `kernels.field_update.adagrad`."""
    import torch

    rows, gradient = torch.from_numpy(touched.rows).long(), torch.from_numpy(touched.gradient)
    gradient = gradient[:, :NUM_FEATURES] + smoothness * _differences(level, rows)
    total = torch.from_numpy(_sums_at(level, touched)) + gradient.square().mean(dim=1)
    step = rate * gradient / (total.sqrt() + EPSILON)[:, None]
    _store(level, touched, features_at(level, rows) - step, total, seed)


def relax(level: Level, touched: Touched, limit: float, prior: float, seed: np.ndarray) -> None:
    """See `kernels.field_update.relax`."""
    import torch

    rows, gradient = torch.from_numpy(touched.rows).long(), torch.from_numpy(touched.gradient)
    gradient, bend = gradient[:, :NUM_FEATURES], gradient[:, NUM_FEATURES]
    curvature = torch.from_numpy(_sums_at(level, touched)) + bend
    step = gradient / (curvature + (prior + EPSILON))[:, None]
    _store(level, touched, features_at(level, rows) - step, curvature.clamp(max=limit), seed)


def _sums_at(level: Level, touched: Touched) -> np.ndarray:
    return widened(level.sums.reshape(-1)[touched.rows])


def _store(
    level: Level, touched: Touched, features: Tensor, sums: Tensor, seed: np.ndarray
) -> None:
    """Keep features (n, NUM_FEATURES) and sums (n,) of vertices, rounded at random."""
    state = seed.astype(np.uint64) * np.uint64(GAMMA) + touched.rows.astype(np.uint64)
    bits = mixed(state)
    of_feature = bits[:, None] >> (16 * np.arange(NUM_FEATURES, dtype=np.uint64))
    level.features.reshape(-1, NUM_FEATURES)[touched.rows] = _narrowed(features, of_feature)
    of_sum = (bits * np.uint64(GAMMA)) >> np.uint64(48)
    level.sums.reshape(-1)[touched.rows] = _narrowed(sums, of_sum)


def _narrowed(values: Tensor, dither: np.ndarray) -> np.ndarray:
    """Round to bfloat16, away from zero where what is cut off and 16 bits add up to a carry."""
    carried = values.numpy().view(np.uint32) + (dither & np.uint64(0xFFFF)).astype(np.uint32)
    return (carried >> np.uint32(16)).astype(np.uint16)


def update_decoder(
    decoders: Decoders,
    gradient: DecoderGradient,
    moments: tuple[DecoderGradient, DecoderGradient],
    rate: float,
) -> None:
    """See `kernels.field_update.update_decoder`."""
    weights = (decoders.color_w1, decoders.color_w2)
    for w, g, m, v in zip(weights, gradient, *moments, strict=True):
        m += MEMORY * (g - m)
        v += SQUARE_MEMORY * (g * g - v)
        w -= np.float32(rate) * m / (np.sqrt(v) + np.float32(EPSILON))


def _differences(level: Level, rows: Tensor) -> Tensor:
    """Sum the differences of vertices' features to their neighbours' in the same block."""
    here = features_at(level, rows)
    total = here.new_zeros(here.shape)
    for shift in (6, 3, 0):
        at, step = rows >> shift & 7, 1 << shift
        for neighbor in (rows - step * (at > 0), rows + step * (at < 7)):  # else it is itself
            total += here - features_at(level, neighbor)
    return total
