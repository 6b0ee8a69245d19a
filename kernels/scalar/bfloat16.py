"""Numbers of two bytes; see `kernels.bfloat16`."""

import numpy as np

from kernels.scalar.compile import inline
from kernels.scalar.random import GAMMA, mixed


@inline
def widen(bits):
    """Return a bfloat16 as float32."""
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@inline
def narrow(value, dither):
    """Round away from zero where the dither, of 16 bits, and what is cut off add up to a carry: so
    what is a bfloat16 already stays.
    """
    bits = np.float32(value).view(np.uint32)
    return np.uint16(np.uint32(bits + np.uint32(dither)) >> np.uint32(16))


@inline
def dithers(seed, row):
    """Return 64 random bits of a vertex in a step: 16 for each of its features."""
    return mixed(np.uint64(np.uint64(seed) * np.uint64(GAMMA)) + np.uint64(row))


@inline
def dither_of(bits, q):
    """Return the 16 bits of feature q."""
    return np.uint32((bits >> np.uint64(16 * q)) & np.uint64(0xFFFF))


@inline
def dither_of_sum(bits):
    """Return the 16 bits of the sum of the same vertex."""
    return np.uint32(np.uint64(bits * np.uint64(GAMMA)) >> np.uint64(48))
