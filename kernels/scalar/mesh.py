"""Edges and vertices of marching cubes over blocks; see `kernels.mesh`.

A vertex belongs to the voxel at the lower end of its edge. Each block keeps one bit per edge, in 64
rows (x, y) of 8 voxels: bit 3 z + axis.
"""

import numpy as np

from kernels.scalar.compile import inline

UNKNOWN = np.float32(1e9)
ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
NO_COLOR = np.uint8(128)


@inline
def crosses(a, b):
    """Whether the surface crosses an edge with these distances at its ends."""
    return a != UNKNOWN and b != UNKNOWN and (a < ZERO) != (b < ZERO)


@inline
def count_bits(x):
    x = x - ((x >> np.uint32(1)) & np.uint32(0x55555555))
    x = (x & np.uint32(0x33333333)) + ((x >> np.uint32(2)) & np.uint32(0x33333333))
    x = (x + (x >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    # numba widens products to 64 bits, so the carry must be masked
    return np.int32(((x * np.uint32(0x01010101)) >> np.uint32(24)) & np.uint32(0xFF))


@inline
def direction(x, y, z):
    """Return which upper neighbour of a block has its voxel (x, y, z), each 0 .. 8; 0 = itself."""
    return ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)


@inline
def voxel_number(x, y, z):
    """Return the number of a voxel in the block that holds it."""
    return ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)


@inline
def write_vertex(index, blocks, slot, row, bit, voxel_size_m, vertices, colors, v):
    """Write vertex v, that of a bit of a row of a block: place and colour."""
    z, axis = bit // 3, bit % 3
    x, y = row >> 3, row & 7
    i = (row << 3) | z
    ex, ey, ez = x + (axis == 0), y + (axis == 1), z + (axis == 2)
    d = direction(ex, ey, ez)
    other = slot if d == 0 else index.neighbors[slot, d]
    j = voxel_number(ex, ey, ez)
    a, b = np.float32(blocks.sdf[slot, i]), np.float32(blocks.sdf[other, j])
    t = a / (a - b)
    # whole voxels first: exact far from the origin too
    vertices[v, 0] = (np.float32(index.coords[slot, 0] * 8 + x) + t * (axis == 0)) * voxel_size_m
    vertices[v, 1] = (np.float32(index.coords[slot, 1] * 8 + y) + t * (axis == 1)) * voxel_size_m
    vertices[v, 2] = (np.float32(index.coords[slot, 2] * 8 + z) + t * (axis == 2)) * voxel_size_m
    wa = ONE - t if blocks.color[slot, 3, i] > 0 else ZERO
    wb = t if blocks.color[other, 3, j] > 0 else ZERO
    total = wa + wb
    for c in range(3):
        if total > ZERO:
            mixed = wa * np.float32(blocks.color[slot, c, i])
            mixed += wb * np.float32(blocks.color[other, c, j])
            colors[v, c] = np.uint8(np.int32(mixed / total + HALF))
        else:
            colors[v, c] = NO_COLOR
