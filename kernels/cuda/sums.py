"""The sums of normal equations on the device, and what a step takes from them."""

import numpy as np

from kernels.align import NUM_SUMS, NormalEquations
from kernels.cuda.jacobi import SIZE
from kernels.cuda.launch import device

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@device
def _upper(i, j):
    """Return which of the sums is element (i, j) of H."""
    a, b = min(i, j), max(i, j)
    return a * (11 - a) // 2 + b


@device
def factor_of(sums, kind, share):
    """Return what equations are divided by their variance with; 0 for no residuals."""
    variance = max(sums[kind, 27] / max(sums[kind, 28], np.float32(1e-9)), ONE)
    return share / variance if sums[kind, 30] > ZERO else ZERO


@device
def _sum_at(sums, block, last, k):
    """Return sum k of a block, 0 from the last on; it is read in any case."""
    value = sums[np.uint64(min(block, last - 1)), np.uint64(k)]
    return value if block < last else ZERO


@device
def sum_of(sums, first, last, k):
    """Add up sum k of some blocks, eight at a time: so many loads are under way at once."""
    total = ZERO
    for block in range(first, last, 8):
        a = _sum_at(sums, block, last, k) + _sum_at(sums, block + 1, last, k)
        b = _sum_at(sums, block + 2, last, k) + _sum_at(sums, block + 3, last, k)
        c = _sum_at(sums, block + 4, last, k) + _sum_at(sums, block + 5, last, k)
        d = _sum_at(sums, block + 6, last, k) + _sum_at(sums, block + 7, last, k)
        total += (a + b) + (c + d)
    return total


@device
def per_scale(i, per_lever):
    return ONE if i < 3 else per_lever


@device
def information(sums, kind, factor, per_lever, i, j):
    """Return element (i, j) of the scaled information."""
    scale = per_scale(i, per_lever) * per_scale(j, per_lever)
    return sums[kind, _upper(i, j)] * factor * scale


def as_sums(equations: NormalEquations) -> np.ndarray:
    """Return the sums, float32 (NUM_SUMS,), that `kernels.align.assembled` makes equations of."""
    sums = np.zeros(NUM_SUMS, np.float32)
    sums[:21] = equations.H[np.triu_indices(SIZE)]
    sums[21:27] = equations.b
    sums[27:31] = equations[2:]
    return sums
