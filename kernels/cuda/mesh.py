"""Marching cubes over blocks on CUDA; contract in `kernels.mesh`.

One thread works on a row of eight voxels: it counts first, a running sum over all rows says where
its results belong, and then it writes them. So vertices and triangles come in the order of the CPU.
"""

from functools import cache

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import DEVICE, empty, full, to_device, zeros
from kernels.cuda.launch import device, kernel, launch_over
from kernels.marching_cubes import EDGE_AXIS, EDGE_CORNER, TRIANGLE_TABLE
from kernels.mesh import MeshArrays
from kernels.scalar.mesh import (
    UNKNOWN,
    ZERO,
    count_bits,
    crosses,
    direction,
    voxel_number,
    write_vertex,
)

ROWS = 64  # of a block


@device
def _distance(index, blocks, slot, x, y, z, min_weight):
    """Return the raw distance of voxel (x, y, z), each 0 .. 8, of a block or its upper neighbour;
    UNKNOWN where the weight is too low.
    """
    d = direction(x, y, z)
    s = slot if d == 0 else index.neighbors[slot, d]
    value = UNKNOWN
    if s >= 0:
        i = voxel_number(x, y, z)
        if np.int32(blocks.weight[s, i]) >= min_weight:
            value = np.float32(blocks.sdf[s, i])
    return value


@kernel
def _mark_edges(index, blocks, owners, min_weight, masks, counts):
    """Set a bit for every crossed edge of each row; count them."""
    i = cuda.grid(1)
    if i < owners.shape[0] * ROWS:
        slot, row = owners[i // ROWS], i % ROWS
        x, y = row >> 3, row & 7
        bits = np.uint32(0)
        here = _distance(index, blocks, slot, x, y, 0, min_weight)
        for z in range(8):
            above = _distance(index, blocks, slot, x, y, z + 1, min_weight)
            if here != UNKNOWN:
                if crosses(here, _distance(index, blocks, slot, x + 1, y, z, min_weight)):
                    bits |= np.uint32(1) << np.uint32(3 * z)
                if crosses(here, _distance(index, blocks, slot, x, y + 1, z, min_weight)):
                    bits |= np.uint32(1) << np.uint32(3 * z + 1)
                if crosses(here, above):
                    bits |= np.uint32(1) << np.uint32(3 * z + 2)
            here = above
        masks[i] = bits
        counts[i] = count_bits(bits)


@kernel
def _write_vertices(index, blocks, owners, masks, ends, counts, voxel_size_m, vertices, colors):
    """Write the vertex of every marked edge, in the order of the bits."""
    i = cuda.grid(1)
    if i < owners.shape[0] * ROWS and masks[i] != 0:
        slot, row, bits = owners[i // ROWS], i % ROWS, masks[i]
        v = ends[i] - counts[i]
        for bit in range(24):
            if (bits >> np.uint32(bit)) & np.uint32(1):
                write_vertex(index, blocks, slot, row, bit, voxel_size_m, vertices, colors, v)
                v += 1


@device
def _layer(index, blocks, slot, x, y, z, min_weight):
    """Return the bits of the corners 0, 2, 4 and 6 of a cell that are inside; -1 where one is
    unknown.
    """
    bits = 0
    for c in range(0, 8, 2):
        value = _distance(index, blocks, slot, x + (c >> 2), y + ((c >> 1) & 1), z, min_weight)
        if value == UNKNOWN:
            bits = -1
        elif value < ZERO and bits >= 0:
            bits |= 1 << c
    return bits


@device
def _case(below, above):
    """Return the marching cubes case of a cell between two layers, 0 where a corner is unknown."""
    return 0 if below < 0 or above < 0 else below | (above << 1)


@kernel
def _count_triangles(index, blocks, slots, min_weight, table, counts):
    i = cuda.grid(1)
    if i < slots.shape[0] * ROWS:
        slot, row = slots[i // ROWS], i % ROWS
        x, y = row >> 3, row & 7
        count = 0
        below = _layer(index, blocks, slot, x, y, 0, min_weight)
        for z in range(8):
            above = _layer(index, blocks, slot, x, y, z + 1, min_weight)
            case = _case(below, above)
            n = 0
            while table[case, n] >= 0:  # each case ends with -1; case 0 begins with it
                n += 3
            count += n // 3
            below = above
        counts[i] = count


@kernel
def _write_triangles(
    index, blocks, slots, min_weight, table, edge_corner, edge_axis, position, masks, vertex_ends,
    vertex_counts, ends, counts, triangles,
):  # fmt: skip
    i = cuda.grid(1)
    if i < slots.shape[0] * ROWS and counts[i] > 0:
        slot, row = slots[i // ROWS], i % ROWS
        x, y = row >> 3, row & 7
        t = ends[i] - counts[i]
        below = _layer(index, blocks, slot, x, y, 0, min_weight)
        for z in range(8):
            above = _layer(index, blocks, slot, x, y, z + 1, min_weight)
            case = _case(below, above)
            n = 0
            while table[case, n] >= 0:
                edge = table[case, n]
                c = edge_corner[edge]
                ex, ey, ez = x + (c >> 2), y + ((c >> 1) & 1), z + (c & 1)
                d = direction(ex, ey, ez)
                owner = position[slot if d == 0 else index.neighbors[slot, d]]
                k = owner * ROWS + (((ex & 7) << 3) | (ey & 7))
                bit = np.uint32(3 * (ez & 7) + edge_axis[edge])
                before = masks[k] & ((np.uint32(1) << bit) - np.uint32(1))
                triangles[t, n % 3] = vertex_ends[k] - vertex_counts[k] + count_bits(before)
                n += 1
                if n % 3 == 0:
                    t += 1
            below = above


def extract_mesh(index, blocks, slots, voxel_size_m, min_weight):
    min_weight = max(int(min_weight), 1)
    upper = index.neighbors[slots.long()].flatten()
    owners = torch.unique(torch.cat([slots, upper[upper >= 0]]))
    position = full((len(index.coords),), -1, torch.int32)
    position[owners.long()] = torch.arange(len(owners), dtype=torch.int32, device=DEVICE)

    masks = empty((len(owners) * ROWS,), torch.uint32)
    counts = empty((len(owners) * ROWS,), torch.int32)
    launch_over(_mark_edges, len(masks), index, blocks, owners, min_weight, masks, counts)
    ends = torch.cumsum(counts, 0, dtype=torch.int32)
    num_vertices = _last(ends)
    vertices = empty((num_vertices, 3), torch.float32)
    colors = empty((num_vertices, 3), torch.uint8)
    launch_over(
        _write_vertices, len(masks), index, blocks, owners, masks, ends, counts,
        float(voxel_size_m), vertices, colors,
    )  # fmt: skip

    table, edge_corner, edge_axis = _tables()
    triangle_counts = empty((len(slots) * ROWS,), torch.int32)
    launch_over(
        _count_triangles, len(triangle_counts), index, blocks, slots, min_weight, table,
        triangle_counts,
    )  # fmt: skip
    triangle_ends = torch.cumsum(triangle_counts, 0, dtype=torch.int32)
    triangles = empty((_last(triangle_ends), 3), torch.int32)
    launch_over(
        _write_triangles, len(triangle_counts), index, blocks, slots, min_weight, table,
        edge_corner, edge_axis, position, masks, ends, counts, triangle_ends, triangle_counts,
        triangles,
    )  # fmt: skip
    return _drop_unused(vertices, colors, triangles)


@cache
def _tables():
    """Return the case table and what it refers to, on the device."""
    return to_device((TRIANGLE_TABLE, EDGE_CORNER, EDGE_AXIS))


def _last(ends):
    """Return the total of a running sum: this waits for the device."""
    return int(ends[-1]) if len(ends) else 0


def _drop_unused(vertices, colors, triangles):
    """Leave out the vertices of edges that no complete cell touches."""
    is_used = zeros((len(vertices),), torch.bool)
    is_used[triangles.flatten().long()] = True
    new_number = torch.cumsum(is_used, 0, dtype=torch.int32) - 1
    return MeshArrays(vertices[is_used], colors[is_used], new_number[triangles.long()])
