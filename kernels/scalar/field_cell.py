"""The corners of a cell of the neural field; see `kernels.field`."""

import numpy as np

from kernels.scalar.compile import inline


@inline
def corner_row(index, slot, lx, ly, lz, c):
    """Return the row, slot * 512 + vertex, of corner c of the cell at vertex (lx, ly, lz) of a
    block, negative where it lies in a block that does not exist.
    """
    x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
    d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
    there = slot if d == 0 else index.neighbors[slot, d]
    return (there << 9) | ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)


@inline
def first_place(row):
    """Return where to look first for a vertex in a table of the touched, before masking."""
    return (np.uint64(row) * np.uint64(2654435761)) >> np.uint64(15)  # 2^32 / golden ratio


def table_size(num_corners):
    """Return the places of a table for so many vertices: a power of two, at least twice as many."""
    return 1 << max(4, int(2 * num_corners - 1).bit_length())
