"""Entering a block into the block hash on CUDA, and listing it: what one thread does by itself.

Of the threads with a key that is new, the one that swaps it for an empty place of the table takes
the next slot. Slots are given out in any order, and are to be looked up by a later launch only.

A thread that finds no room left enters no key. Threads that do not yet see that the last slot is
gone enter theirs: such a key leads to slot -1, and nothing else tells it from a block that does
not exist. Keys are never taken out, so capacity, which never grows, bounds them and the search.
"""

import math

import numpy as np
from numba import cuda

from kernels.cuda.launch import device
from kernels.scalar.hashing import bucket, is_in_range, pack

EMPTY = np.int64(-1)


@device
def _take_slot(index, place, x, y, z):
    slot = cuda.atomic.add(index.num_blocks, 0, np.int32(1))
    if slot < index.coords.shape[0]:
        index.coords[slot, 0] = x
        index.coords[slot, 1] = y
        index.coords[slot, 2] = z
        index.slots[place] = slot
    else:
        # never below the capacity again: each takes back what it added itself
        cuda.atomic.add(index.num_blocks, 0, np.int32(-1))


@device
def enter(index, x, y, z):
    """Give a block a place in the table and a slot, unless it is known or there is no room."""
    if is_in_range(x, y, z):
        key = pack(x, y, z)
        mask = np.int64(index.keys.shape[0] - 1)
        capacity = index.coords.shape[0]
        i = bucket(key, mask)
        for _ in range(index.keys.shape[0]):
            found = index.keys[i]
            if found == EMPTY:
                if index.num_blocks[0] >= capacity:
                    break
                found = cuda.atomic.cas(index.keys, i, EMPTY, key)
                if found == EMPTY:
                    _take_slot(index, i, x, y, z)
                    break
            if found == key:
                break
            i = (i + 1) & mask


@device
def list_once(slot, stamps, stamp, visible, num_visible):
    """List a block once: by the thread that exchanges its old stamp."""
    if stamps[slot] != stamp and cuda.atomic.exch(stamps, slot, stamp) != stamp:
        visible[cuda.atomic.add(num_visible, 0, np.int32(1))] = slot


@device
def block_along(ray_x, ray_y, ray_z, T, per_block, t):
    """Return the block at depth t of a ray that is `per_block` blocks long a metre."""
    return (
        np.int32(math.floor(ray_x * t + T[0, 3] * per_block)),
        np.int32(math.floor(ray_y * t + T[1, 3] * per_block)),
        np.int32(math.floor(ray_z * t + T[2, 3] * per_block)),
    )
