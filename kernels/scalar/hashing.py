"""Looking up a block; see `kernels.blocks`."""

import numpy as np

from kernels.blocks import MAX_COORD
from kernels.scalar.compile import inline

GOLDEN = np.int64(-7046029254386353131)  # 2^64 / golden ratio


@inline
def pack(x, y, z):
    """Pack a block coordinate into 63 bits."""
    return (
        ((np.int64(x) + MAX_COORD) << 42)
        | ((np.int64(y) + MAX_COORD) << 21)
        | (np.int64(z) + MAX_COORD)
    )


@inline
def is_in_range(x, y, z):
    """Whether a block may exist here. Its neighbours then have keys of their own."""
    return (
        x > -MAX_COORD and y > -MAX_COORD and z > -MAX_COORD
        and x < MAX_COORD - 1 and y < MAX_COORD - 1 and z < MAX_COORD - 1
    )  # fmt: skip


@inline
def bucket(key, mask):
    """Fibonacci hashing: high bits of a product."""
    return ((key * GOLDEN) >> np.int64(29)) & mask


@inline
def dither_offset(x, y, z):
    """Return where the dither of a block starts: 9 bits that all of its coordinate decides."""
    return ((pack(x, y, z) * GOLDEN) >> np.int64(55)) & np.int64(511)


@inline
def find(index, x, y, z):
    """Return the slot of a block, -1 if there is none."""
    slot = np.int32(-1)
    if ((x + MAX_COORD) | (y + MAX_COORD) | (z + MAX_COORD)) >> 21:  # packing would wrap
        return slot
    key = pack(x, y, z)
    mask = np.int64(index.keys.shape[0] - 1)
    first = bucket(key, mask)
    i = first
    while True:
        found = index.keys[i]
        if found == key:
            slot = index.slots[i]
            break
        i = (i + 1) & mask
        if found == -1 or i == first:  # a table that CUDA filled may have no empty place left
            break
    return slot
