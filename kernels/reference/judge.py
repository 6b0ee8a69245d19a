"""Judging readings in plain numpy, float64: the definition."""

from typing import NamedTuple

import numpy as np

from kernels.judge import (
    HALF,
    HALF_RELATIVE,
    LEAST_SIGMA_M,
    NO_NEIGHBOR,
    NUM_FEATURES,
    NUM_HIDDEN,
    NUM_OUTPUTS,
    RANKS,
    REACH,
    RINGS_PX,
)
from kernels.reference.depth import sigma

DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))  # of one of two opposite neighbours, (v, u)
LAST = NUM_HIDDEN * (NUM_FEATURES + 1)


class Seen(NamedTuple):
    """What is known of each reading."""

    features: np.ndarray  # (h, w, NUM_FEATURES)
    pairs: np.ndarray  # (h, w, rings, 4): signed differences of the pairs from the reading
    relative: np.ndarray  # (h, w): sigma(z) / z


def judged_depth(depth_m: np.ndarray, noise: np.ndarray, network: np.ndarray) -> np.ndarray:
    """See `kernels.judge.judged_depth`."""
    seen = look(depth_m, noise)
    outputs = answers(seen.features, network)
    weight = np.maximum(0.0, 1.0 - (seen.pairs / REACH) ** 2)
    weight *= 2.0 * np.maximum(outputs[..., 1:, None], 0.0)
    drawn = np.where(weight > 0, weight * seen.pairs, 0.0).sum(axis=(2, 3))
    sigmas = drawn / (1.0 + weight.sum(axis=(2, 3)))
    corrected_m = depth_m / np.maximum(1.0 + sigmas * seen.relative, 0.5)
    return np.where(outputs[..., 0] > 0, corrected_m, 0.0).astype(np.float32)


def answers(features: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Return the outputs of the network, (..., NUM_OUTPUTS)."""
    first = network[:LAST].astype(np.float64).reshape(NUM_HIDDEN, -1)
    last = network[LAST:].astype(np.float64).reshape(NUM_OUTPUTS, -1)
    hidden = np.maximum(features @ first[:, :-1].T + first[:, -1], 0.0)
    return hidden @ last[:, :-1].T + last[:, -1]


def look(depth_m: np.ndarray, noise: np.ndarray) -> Seen:
    """Compare each reading with its neighbours."""
    z = depth_m.astype(np.float64)
    sigma_m = np.maximum(sigma(z, noise), LEAST_SIGMA_M)
    relative = sigma_m / np.where(z > 0, z, 1.0)
    columns, pairs = [], []
    for ring_px in RINGS_PX:
        ring_pairs, singles, missing = _ring(z, z**2 / sigma_m, ring_px)
        pairs.append(ring_pairs)
        ranked = np.sort(singles, axis=-1)[..., list(RANKS)]
        for differences in (np.sort(np.abs(ring_pairs), axis=-1), ranked):
            columns.append(differences / (differences + HALF))
        columns.append(missing[..., None])
    columns.append((relative / (relative + HALF_RELATIVE))[..., None])
    return Seen(np.concatenate(columns, axis=-1), np.stack(pairs, axis=2), relative)


def _ring(
    z: np.ndarray, per_sigma: np.ndarray, ring_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return signed differences of pairs (h, w, 4), absolute ones of single neighbours (h, w, 8),
    and the share that is missing.
    """
    h, w = z.shape
    here = np.where(z > 0, 1.0 / np.where(z > 0, z, 1.0), 0.0)
    around = np.pad(here, ring_px)  # outside the image all is missing
    pairs, singles, missing = [], [], np.zeros(z.shape)
    for dv, du in DIRECTIONS:
        opposite = []
        for way in (1, -1):
            v, u = ring_px * (1 + way * dv), ring_px * (1 + way * du)
            there = around[v : v + h, u : u + w]
            opposite.append(there)
            singles.append(np.where(there > 0, np.abs(there - here) * per_sigma, NO_NEIGHBOR))
            missing += (there == 0) / 8.0
        a, b = opposite
        difference = ((a + b) / 2.0 - here) * per_sigma
        pairs.append(np.where((a > 0) & (b > 0), difference, NO_NEIGHBOR))
    return np.stack(pairs, axis=-1), np.stack(singles, axis=-1), missing
