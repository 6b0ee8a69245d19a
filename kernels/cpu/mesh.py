"""Marching cubes over blocks in numba; contract in `kernels.mesh`.

Each block keeps one bit per edge (`kernels.scalar.mesh`), so that the number of a vertex is its
block's base plus a count of bits: 384 bytes a block instead of 6 kB.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.marching_cubes import EDGE_AXIS, EDGE_CORNER, TRIANGLE_TABLE
from kernels.mesh import MeshArrays
from kernels.scalar.compile import inline
from kernels.scalar.mesh import (
    UNKNOWN,
    ZERO,
    count_bits,
    crosses,
    direction,
    write_vertex,
)

TILE = 9 * 9 * 9


@kernel
def _load_tile(index, blocks, slot, min_weight, tile):
    """Copy a block and the next layer of its upper neighbours to (9, 9, 9); UNKNOWN where the
    weight is too low.
    """
    for d in range(8):
        s = slot if d == 0 else index.neighbors[slot, d]
        x0, y0, z0 = (d >> 2) * 8, ((d >> 1) & 1) * 8, (d & 1) * 8
        nx, ny, nz = 1 if x0 else 8, 1 if y0 else 8, 1 if z0 else 8
        for x in range(nx):
            for y in range(ny):
                for z in range(nz):
                    value = UNKNOWN
                    if s >= 0:
                        i = (x << 6) | (y << 3) | z
                        if blocks.weight[s, i] >= min_weight:
                            value = np.float32(blocks.sdf[s, i])
                    tile[(x + x0) * 81 + (y + y0) * 9 + z + z0] = value


@parallel_kernel
def _mark_edges(index, blocks, owners, min_weight, masks, counts):
    """Set a bit for every crossed edge of each owner block; count them."""
    for part in prange(owners.shape[0]):
        k = np.int64(part)
        tile = np.empty(TILE, np.float32)
        _load_tile(index, blocks, owners[k], min_weight, tile)
        count = 0
        for row in range(64):
            bits = np.uint32(0)
            start = (row >> 3) * 81 + (row & 7) * 9
            for z in range(8):
                here = tile[start + z]
                if here == UNKNOWN:
                    continue
                if crosses(here, tile[start + z + 81]):
                    bits |= np.uint32(1) << np.uint32(3 * z)
                if crosses(here, tile[start + z + 9]):
                    bits |= np.uint32(1) << np.uint32(3 * z + 1)
                if crosses(here, tile[start + z + 1]):
                    bits |= np.uint32(1) << np.uint32(3 * z + 2)
            masks[k, row] = bits
            count += count_bits(bits)
        counts[k] = count


@parallel_kernel
def _write_vertices(index, blocks, owners, masks, bases, prefixes, voxel_size_m, vertices, colors):
    """Write the vertex of every marked edge, in the order of the bits, and the prefix counts."""
    size = np.float32(voxel_size_m)
    for part in prange(owners.shape[0]):
        k = np.int64(part)
        slot = owners[k]
        n = 0
        for row in range(64):
            prefixes[k, row] = n
            bits = masks[k, row]
            if bits == 0:
                continue
            for bit in range(24):
                if not (bits >> np.uint32(bit)) & np.uint32(1):
                    continue
                write_vertex(index, blocks, slot, row, bit, size, vertices, colors, bases[k] + n)
                n += 1


@inline
def _case(tile, corner_index):
    """Return the marching cubes case of a cell, 0 where a corner is unknown."""
    case = 0
    for c in range(8):
        value = tile[corner_index + (c >> 2) * 81 + ((c >> 1) & 1) * 9 + (c & 1)]
        if value == UNKNOWN:
            return 0
        if value < ZERO:
            case |= 1 << c
    return case


@parallel_kernel
def _count_triangles(index, blocks, slots, min_weight, table, counts):
    for part in prange(slots.shape[0]):
        k = np.int64(part)
        tile = np.empty(TILE, np.float32)
        _load_tile(index, blocks, slots[k], min_weight, tile)
        count = 0
        for i in range(512):
            case = _case(tile, (i >> 6) * 81 + ((i >> 3) & 7) * 9 + (i & 7))
            if case == 0:
                continue
            n = 0
            while table[case, n] >= 0:
                n += 3
            count += n // 3
        counts[k] = count


@parallel_kernel
def _write_triangles(
    index, blocks, slots, min_weight, table, edge_corner, edge_axis, position, masks, bases,
    prefixes, first_triangle, triangles,
):  # fmt: skip
    for part in prange(slots.shape[0]):
        k = np.int64(part)
        slot = slots[k]
        tile = np.empty(TILE, np.float32)
        _load_tile(index, blocks, slot, min_weight, tile)
        t = first_triangle[k]
        for i in range(512):
            x, y, z = i >> 6, (i >> 3) & 7, i & 7
            case = _case(tile, x * 81 + y * 9 + z)
            if case == 0:
                continue
            n = 0
            while table[case, n] >= 0:
                edge = table[case, n]
                c = edge_corner[edge]
                ex, ey, ez = x + (c >> 2), y + ((c >> 1) & 1), z + (c & 1)
                d = direction(ex, ey, ez)
                owner = position[slot if d == 0 else index.neighbors[slot, d]]
                row = ((ex & 7) << 3) | (ey & 7)
                bit = np.uint32(3 * (ez & 7) + edge_axis[edge])
                below = masks[owner, row] & ((np.uint32(1) << bit) - np.uint32(1))
                triangles[t, n % 3] = bases[owner] + prefixes[owner, row] + count_bits(below)
                n += 1
                if n % 3 == 0:
                    t += 1


def extract_mesh(index, blocks, slots, voxel_size_m, min_weight):
    min_weight = np.uint16(max(min_weight, 1))
    upper = index.neighbors[slots].ravel()
    owners = np.unique(np.concatenate([slots, upper[upper >= 0]])).astype(np.int32)
    position = np.full(len(index.coords), -1, np.int32)
    position[owners] = np.arange(len(owners), dtype=np.int32)
    masks = np.empty((len(owners), 64), np.uint32)
    counts = np.empty(len(owners), np.int64)
    _mark_edges(index, blocks, owners, min_weight, masks, counts)
    bases = (np.cumsum(counts) - counts).astype(np.int32)
    num_vertices = int(counts.sum())
    vertices = np.empty((num_vertices, 3), np.float32)
    colors = np.empty((num_vertices, 3), np.uint8)
    prefixes = np.empty((len(owners), 64), np.uint16)
    _write_vertices(index, blocks, owners, masks, bases, prefixes, voxel_size_m, vertices, colors)
    triangle_counts = np.empty(len(slots), np.int64)
    _count_triangles(index, blocks, slots, min_weight, TRIANGLE_TABLE, triangle_counts)
    first_triangle = np.cumsum(triangle_counts) - triangle_counts
    triangles = np.empty((int(triangle_counts.sum()), 3), np.int32)
    _write_triangles(
        index, blocks, slots, min_weight, TRIANGLE_TABLE, EDGE_CORNER, EDGE_AXIS, position,
        masks, bases, prefixes, first_triangle, triangles,
    )  # fmt: skip
    return _drop_unused(vertices, colors, triangles)


def _drop_unused(vertices, colors, triangles):
    """Leave out the vertices of edges that no complete cell touches."""
    is_used = np.zeros(len(vertices), np.bool_)
    is_used[triangles.ravel()] = True
    new_number = np.cumsum(is_used, dtype=np.int32) - 1
    return MeshArrays(vertices[is_used], colors[is_used], new_number[triangles])
