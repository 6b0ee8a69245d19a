"""Looking up and interpolating the cells of the neural field's levels on CUDA.

A cell is a tuple: whether it exists, the rows of its eight corners, and the point's fractions. Rows
are a tuple of their own, which stays in registers; there are no branches round what is read by
them, so that all loads of a cell are under way at once. Where a cell does not exist, they are those
of some other vertices.
"""

import numpy as np

from kernels.cuda.cell import locate
from kernels.cuda.launch import device
from kernels.field import CURVATURE
from kernels.scalar.cell import corner_weight
from kernels.scalar.compile import inline
from kernels.scalar.hashing import find
from kernels.scalar.interpolate import trilinear, trilinear_gradient

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@device
def _find_corner(index, slot, lx, ly, lz, c, is_clamped):
    """Return whether the block of a corner exists, and its row: `kernels.scalar.field_cell` without
    branches. Missing ones are replaced by vertices of the cell's own block.
    """
    x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
    d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
    neighbor = index.neighbors[np.uint64(slot), np.uint64(d)]
    there = slot if d == 0 else neighbor
    exists = there >= 0
    if is_clamped:
        x, y, z = (
            x if exists else min(x, 7), y if exists else min(y, 7), z if exists else min(z, 7)
        )  # fmt: skip
    there = there if exists else slot
    return exists, np.int32((there << 9) | ((x & 7) << 6) | ((y & 7) << 3) | (z & 7))


@device
def find_cell(level, x, y, z, is_clamped):
    """Return the cell of a level round a world point; `is_clamped` as in `kernels.field`."""
    per_spacing = ONE / level.spacing_m
    bx, lx, fx = locate(x * per_spacing)
    by, ly, fy = locate(y * per_spacing)
    bz, lz, fz = locate(z * per_spacing)
    found = np.int32(find(level.blocks, bx, by, bz))
    slot = max(found, np.int32(0))  # of a block that can be read in any case
    e0, r0 = _find_corner(level.blocks, slot, lx, ly, lz, 0, is_clamped)
    e1, r1 = _find_corner(level.blocks, slot, lx, ly, lz, 1, is_clamped)
    e2, r2 = _find_corner(level.blocks, slot, lx, ly, lz, 2, is_clamped)
    e3, r3 = _find_corner(level.blocks, slot, lx, ly, lz, 3, is_clamped)
    e4, r4 = _find_corner(level.blocks, slot, lx, ly, lz, 4, is_clamped)
    e5, r5 = _find_corner(level.blocks, slot, lx, ly, lz, 5, is_clamped)
    e6, r6 = _find_corner(level.blocks, slot, lx, ly, lz, 6, is_clamped)
    e7, r7 = _find_corner(level.blocks, slot, lx, ly, lz, 7, is_clamped)
    exists = found >= 0
    if not is_clamped:
        exists = exists & e0 & e1 & e2 & e3 & e4 & e5 & e6 & e7
    return exists, (r0, r1, r2, r3, r4, r5, r6, r7), fx, fy, fz


@inline
def record_of(vertices, row):
    """Return the record of a vertex."""
    return vertices[np.uint64(row >> 9), np.uint64(row & 511)]


@device
def _corners(vertices, rows, q):
    """Return number q of the records at the corners."""
    return (
        record_of(vertices, rows[0])[q],
        record_of(vertices, rows[1])[q],
        record_of(vertices, rows[2])[q],
        record_of(vertices, rows[3])[q],
        record_of(vertices, rows[4])[q],
        record_of(vertices, rows[5])[q],
        record_of(vertices, rows[6])[q],
        record_of(vertices, rows[7])[q],
    )


@device
def interpolate(level, cell):
    """Return the four features, zeros where there is no cell."""
    exists, rows, fx, fy, fz = cell
    a0, a1, a2, a3 = ZERO, ZERO, ZERO, ZERO
    if exists:
        a0 = trilinear(_corners(level.vertices, rows, 0), fx, fy, fz)
        a1 = trilinear(_corners(level.vertices, rows, 1), fx, fy, fz)
        a2 = trilinear(_corners(level.vertices, rows, 2), fx, fy, fz)
        a3 = trilinear(_corners(level.vertices, rows, 3), fx, fy, fz)
    return a0, a1, a2, a3


@device
def _taught_weight(curvature, c, fx, fy, fz):
    """Return the weight of a corner among those that are taught, and its bit if it is not."""
    weight = corner_weight(c, fx, fy, fz)
    is_taught = curvature > ZERO
    return weight if is_taught else ZERO, np.int32(0) if is_taught else np.int32(1 << c)


@device
def _weighted(weights, values):
    low = weights[0] * values[0] + weights[1] * values[1]
    low += weights[2] * values[2] + weights[3] * values[3]
    high = weights[4] * values[4] + weights[5] * values[5]
    high += weights[6] * values[6] + weights[7] * values[7]
    return low + high


@device
def interpolate_taught(level, cell):
    """Return whether a reading has taught any corner of a colour cell, which of them none has (a
    bit each), and the features of those that are taught, zeros without one.
    """
    exists, rows, fx, fy, fz = cell
    a0, a1, a2, a3 = ZERO, ZERO, ZERO, ZERO
    is_taught, untaught = False, np.int32(0)
    if exists:
        k = _corners(level.vertices, rows, CURVATURE)
        w0, u0 = _taught_weight(k[0], 0, fx, fy, fz)
        w1, u1 = _taught_weight(k[1], 1, fx, fy, fz)
        w2, u2 = _taught_weight(k[2], 2, fx, fy, fz)
        w3, u3 = _taught_weight(k[3], 3, fx, fy, fz)
        w4, u4 = _taught_weight(k[4], 4, fx, fy, fz)
        w5, u5 = _taught_weight(k[5], 5, fx, fy, fz)
        w6, u6 = _taught_weight(k[6], 6, fx, fy, fz)
        w7, u7 = _taught_weight(k[7], 7, fx, fy, fz)
        untaught = np.int32(u0 | u1 | u2 | u3 | u4 | u5 | u6 | u7)
        total = (w0 + w1 + w2 + w3) + (w4 + w5 + w6 + w7)
        is_taught = total > ZERO
        per_total = ONE / total if is_taught else ZERO
        weights = (w0, w1, w2, w3, w4, w5, w6, w7)
        a0 = _weighted(weights, _corners(level.vertices, rows, 0)) * per_total
        a1 = _weighted(weights, _corners(level.vertices, rows, 1)) * per_total
        a2 = _weighted(weights, _corners(level.vertices, rows, 2)) * per_total
        a3 = _weighted(weights, _corners(level.vertices, rows, 3)) * per_total
    return is_taught, untaught, a0, a1, a2, a3


@device
def _mean_of(mean, row):
    """Return a vertex' fused mean, and whether it is known."""
    block, vertex = np.uint64(row >> 9), np.uint64(row & 511)
    return np.float32(mean.sdf[block, vertex]), mean.weight[block, vertex] > 0


@device
def mean_with_slope(mean, cell):
    """Return whether all corners of a fine cell know their mean distance, that interpolated, and
    its derivatives by the fractions, all in its units.
    """
    exists, rows, fx, fy, fz = cell
    is_known, value, dx, dy, dz = False, ZERO, ZERO, ZERO, ZERO
    if exists:
        a0, k0 = _mean_of(mean, rows[0])
        a1, k1 = _mean_of(mean, rows[1])
        a2, k2 = _mean_of(mean, rows[2])
        a3, k3 = _mean_of(mean, rows[3])
        a4, k4 = _mean_of(mean, rows[4])
        a5, k5 = _mean_of(mean, rows[5])
        a6, k6 = _mean_of(mean, rows[6])
        a7, k7 = _mean_of(mean, rows[7])
        is_known = k0 & k1 & k2 & k3 & k4 & k5 & k6 & k7
        corner = (a0, a1, a2, a3, a4, a5, a6, a7)
        value, dx, dy, dz = trilinear_gradient(corner, fx, fy, fz)
    return is_known, value, dx, dy, dz


@device
def _along(vertices, row, g0, g1, g2, g3):
    record = record_of(vertices, row)
    return g0 * record[0] + g1 * record[1] + g2 * record[2] + g3 * record[3]


@device
def slope(level, cell, g0, g1, g2, g3):
    """Return the derivatives by the fractions of what has the gradient g by the features; the cell
    must exist.
    """
    _, rows, fx, fy, fz = cell
    corner = (
        _along(level.vertices, rows[0], g0, g1, g2, g3),
        _along(level.vertices, rows[1], g0, g1, g2, g3),
        _along(level.vertices, rows[2], g0, g1, g2, g3),
        _along(level.vertices, rows[3], g0, g1, g2, g3),
        _along(level.vertices, rows[4], g0, g1, g2, g3),
        _along(level.vertices, rows[5], g0, g1, g2, g3),
        _along(level.vertices, rows[6], g0, g1, g2, g3),
        _along(level.vertices, rows[7], g0, g1, g2, g3),
    )
    _, dx, dy, dz = trilinear_gradient(corner, fx, fy, fz)
    return dx, dy, dz
