"""Numbers of two bytes: as torch has them, and rounded at random."""

import numba
import numpy as np
import torch

from kernels.bfloat16 import narrowed, widened
from kernels.scalar import bfloat16 as scalar

VALUES = np.random.default_rng(0).normal(size=4000).astype(np.float32)
VALUES *= np.float32(10.0) ** np.random.default_rng(1).integers(-20, 20, 4000)


def test_they_are_torchs_numbers():
    bits = narrowed(VALUES)
    stored = torch.from_numpy(VALUES).to(torch.bfloat16)
    np.testing.assert_array_equal(widened(bits), stored.float().numpy())
    np.testing.assert_array_equal(narrowed(widened(bits)), bits)
    assert widened(narrowed(np.zeros(2, np.float32))).tolist() == [0.0, 0.0]


def test_a_dither_chooses_one_of_both_neighbours():
    """The lower half of what is cut off, in steps of 2^-16, is the chance of the outer one."""

    @numba.njit
    def stored(values, dither, out):
        for i in range(len(values)):
            out[i] = scalar.widen(scalar.narrow(values[i], dither))

    outer, inner, least = (np.empty_like(VALUES) for _ in range(3))
    stored(VALUES, 0xFFFF, outer)
    stored(VALUES, 0, inner)
    assert (np.abs(inner) <= np.abs(VALUES)).all()
    assert (np.abs(outer) >= np.abs(VALUES)).all()
    np.testing.assert_array_less(np.abs(outer - inner), 2.0**-6 * np.abs(VALUES))
    cut = VALUES.view(np.uint32) & 0xFFFF
    for dither in (1000, 30000, 60000):
        stored(VALUES, dither, least)
        np.testing.assert_array_equal(least, np.where(cut + dither > 0xFFFF, outer, inner))


def test_dithers_of_vertices_and_steps_are_even_and_their_own():
    @numba.njit
    def drawn(out):
        for seed in range(out.shape[0]):
            for row in range(out.shape[1]):
                bits = scalar.dithers(seed, row)
                for q in range(4):
                    out[seed, row, q] = scalar.dither_of(bits, q)
                out[seed, row, 4] = scalar.dither_of_sum(bits)

    shares = np.empty((100, 200, 5), np.uint32)
    drawn(shares)
    shares = shares / 65536.0
    for axes in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(shares.mean(axis=axes), 0.5, atol=5 * 0.29 / np.sqrt(500))
    columns = np.concatenate([shares[:-1].reshape(-1, 5), shares[1:].reshape(-1, 5)], axis=1)
    correlation = np.corrcoef(columns.T) - np.eye(10)
    assert np.abs(correlation).max() < 0.05
