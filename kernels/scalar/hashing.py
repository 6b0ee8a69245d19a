"""Looking up a block; see `kernels.blocks`."""

import numpy as np

from kernels.blocks import MAX_COORD
from kernels.scalar.compile import inline


@inline
def pack(x, y, z):
    """Pack a block coordinate into 63 bits."""
    return (
        ((np.int64(x) + MAX_COORD) << 42)
        | ((np.int64(y) + MAX_COORD) << 21)
        | (np.int64(z) + MAX_COORD)
    )


@inline
def bucket(key, mask):
    """Fibonacci hashing: the high bits of the product with 2^64 / golden ratio."""
    return ((key * np.int64(-7046029254386353131)) >> np.int64(29)) & mask


@inline
def find(index, x, y, z):
    """Return the slot of a block, -1 if there is none."""
    slot = np.int32(-1)
    if ((x + MAX_COORD) | (y + MAX_COORD) | (z + MAX_COORD)) >> 21:  # packing would wrap
        return slot
    key = pack(x, y, z)
    mask = np.int64(index.keys.shape[0] - 1)
    i = bucket(key, mask)
    while True:
        found = index.keys[i]
        if found == key:
            slot = index.slots[i]
            break
        if found == -1:
            break
        i = (i + 1) & mask
    return slot
