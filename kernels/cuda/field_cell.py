"""Looking up and interpolating the cells of the neural field's levels on CUDA.

A cell is a tuple: slot of its block (-1 without one), vertex (x, y, z) in it, fractions (x, y, z).
Its corners are found anew wherever they are needed, which is cheaper than keeping eight rows in
local memory.
"""

import numpy as np

from kernels.field import CURVATURE
from kernels.scalar.cell import corner_weight, locate
from kernels.scalar.compile import inline
from kernels.scalar.field_cell import corner_row
from kernels.scalar.hashing import find

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@inline
def find_cell(level, x, y, z):
    """Return the cell of a level round a world point."""
    per_spacing = ONE / level.spacing_m
    bx, lx, fx = locate(x * per_spacing)
    by, ly, fy = locate(y * per_spacing)
    bz, lz, fz = locate(z * per_spacing)
    return find(level.blocks, bx, by, bz), lx, ly, lz, fx, fy, fz


@inline
def record_of(vertices, row):
    """Return the record of a vertex; `row` must not be negative."""
    return vertices[np.uint64(row >> 9), np.uint64(row & 511)]


@inline
def interpolate(level, cell):
    """Return whether all corners exist, and the four features, zeros if not."""
    slot, lx, ly, lz, fx, fy, fz = cell
    a0, a1, a2, a3 = ZERO, ZERO, ZERO, ZERO
    exists = slot >= 0
    if exists:
        for c in range(8):
            row = corner_row(level.blocks, slot, lx, ly, lz, c, False)
            if row < 0:
                exists = False
            else:
                weight = corner_weight(c, fx, fy, fz)
                record = record_of(level.vertices, row)
                a0 += weight * record[0]
                a1 += weight * record[1]
                a2 += weight * record[2]
                a3 += weight * record[3]
    if not exists:
        a0, a1, a2, a3 = ZERO, ZERO, ZERO, ZERO
    return exists, a0, a1, a2, a3


@inline
def interpolate_taught(level, cell):
    """Return whether a reading has taught any corner of a colour cell, which of them none has (a
    bit each), and the features of those that are taught, zeros without one.
    """
    slot, lx, ly, lz, fx, fy, fz = cell
    a0, a1, a2, a3 = ZERO, ZERO, ZERO, ZERO
    total = ZERO
    untaught = 0
    if slot >= 0:
        for c in range(8):
            row = corner_row(level.blocks, slot, lx, ly, lz, c, True)
            record = record_of(level.vertices, row)
            if record[CURVATURE] > ZERO:
                weight = corner_weight(c, fx, fy, fz)
                total += weight
                a0 += weight * record[0]
                a1 += weight * record[1]
                a2 += weight * record[2]
                a3 += weight * record[3]
            else:
                untaught |= 1 << c
    is_taught = total > ZERO
    per_total = ONE / total if is_taught else ZERO
    return is_taught, untaught, a0 * per_total, a1 * per_total, a2 * per_total, a3 * per_total


@inline
def corner_slopes(c, fx, fy, fz):
    """Return the derivatives of the trilinear weight of corner c by the fractions."""
    wx = fx if c & 4 else ONE - fx
    wy = fy if c & 2 else ONE - fy
    wz = fz if c & 1 else ONE - fz
    return (
        wy * wz if c & 4 else -(wy * wz),
        wx * wz if c & 2 else -(wx * wz),
        wx * wy if c & 1 else -(wx * wy),
    )


@inline
def mean_with_slope(level, mean, cell):
    """Return whether all corners of a fine cell know their mean distance, that interpolated, and
    its derivatives by the fractions, all in its units.
    """
    slot, lx, ly, lz, fx, fy, fz = cell
    value, dx, dy, dz = ZERO, ZERO, ZERO, ZERO
    is_known = slot >= 0
    if is_known:
        for c in range(8):
            row = corner_row(level.blocks, slot, lx, ly, lz, c, False)
            if row < 0:
                is_known = False
            else:
                block, vertex = np.uint64(row >> 9), np.uint64(row & 511)
                is_known = is_known and mean.weight[block, vertex] > 0
                sdf = np.float32(mean.sdf[block, vertex])
                sx, sy, sz = corner_slopes(c, fx, fy, fz)
                value += corner_weight(c, fx, fy, fz) * sdf
                dx += sx * sdf
                dy += sy * sdf
                dz += sz * sdf
    return is_known, value, dx, dy, dz


@inline
def slope(level, cell, g0, g1, g2, g3):
    """Return the derivatives by the fractions of what has the gradient g by the features of a cell
    whose corners all exist.
    """
    slot, lx, ly, lz, fx, fy, fz = cell
    dx, dy, dz = ZERO, ZERO, ZERO
    for c in range(8):
        row = corner_row(level.blocks, slot, lx, ly, lz, c, False)
        record = record_of(level.vertices, row)
        value = g0 * record[0] + g1 * record[1] + g2 * record[2] + g3 * record[3]
        sx, sy, sz = corner_slopes(c, fx, fy, fz)
        dx += sx * value
        dy += sy * value
        dz += sz * value
    return dx, dy, dz
