"""The corners of a cell of the neural field; see `kernels.field`."""

from kernels.scalar.compile import inline


@inline
def corner_row(index, slot, lx, ly, lz, c, is_clamped):
    """Return the row, slot * 512 + vertex, of corner c of the cell at vertex (lx, ly, lz) of a
    block, negative where it lies in a block that does not exist.

    With `is_clamped` such a corner is replaced by the nearest one in the cell's own block.
    """
    x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
    d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
    there = slot if d == 0 else index.neighbors[slot, d]
    if there < 0 and is_clamped:
        x, y, z, there = min(x, 7), min(y, 7), min(z, 7), slot
    return (there << 9) | ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)
