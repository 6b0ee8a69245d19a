"""Looking up and interpolating the cells of the neural field's levels on CUDA.

A cell is a tuple: whether it exists, the rows of its eight corners, and the point's fractions. Rows
are a tuple of their own, which stays in registers; there are no branches round what is read by
them, so that all loads of a cell are under way at once. Where a cell does not exist, they are those
of some other vertices.
"""

import numpy as np

from kernels.cuda.cell import locate
from kernels.cuda.launch import device
from kernels.scalar.bfloat16 import widen
from kernels.scalar.cell import corner_weight
from kernels.scalar.hashing import find
from kernels.scalar.interpolate import trilinear, trilinear_gradient

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
PER_255 = np.float32(1.0 / 255.0)


@device
def _find_corner(index, slot, lx, ly, lz, c):
    """Return whether the block of a corner exists, and its row: `kernels.scalar.field_cell` without
    branches. Missing ones are replaced by vertices of the cell's own block.
    """
    x, y, z = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
    d = ((x >> 3) << 2) | ((y >> 3) << 1) | (z >> 3)
    neighbor = index.neighbors[np.uint64(slot), np.uint64(d)]
    there = slot if d == 0 else neighbor
    exists = there >= 0
    there = there if exists else slot
    return exists, np.int32((there << 9) | ((x & 7) << 6) | ((y & 7) << 3) | (z & 7))


@device
def find_cell(index, spacing_m, x, y, z):
    """Return the cell of an index round a world point."""
    per_spacing = ONE / spacing_m
    bx, lx, fx = locate(x * per_spacing)
    by, ly, fy = locate(y * per_spacing)
    bz, lz, fz = locate(z * per_spacing)
    found = np.int32(find(index, bx, by, bz))
    slot = max(found, np.int32(0))  # of a block that can be read in any case
    e0, r0 = _find_corner(index, slot, lx, ly, lz, 0)
    e1, r1 = _find_corner(index, slot, lx, ly, lz, 1)
    e2, r2 = _find_corner(index, slot, lx, ly, lz, 2)
    e3, r3 = _find_corner(index, slot, lx, ly, lz, 3)
    e4, r4 = _find_corner(index, slot, lx, ly, lz, 4)
    e5, r5 = _find_corner(index, slot, lx, ly, lz, 5)
    e6, r6 = _find_corner(index, slot, lx, ly, lz, 6)
    e7, r7 = _find_corner(index, slot, lx, ly, lz, 7)
    exists = (found >= 0) & e0 & e1 & e2 & e3 & e4 & e5 & e6 & e7
    return exists, (r0, r1, r2, r3, r4, r5, r6, r7), fx, fy, fz


@device
def feature_of(features, row, q):
    """Return a feature of a vertex."""
    return widen(features[np.uint64(row >> 9), np.uint64(row & 511), q])


@device
def _corners(features, rows, q):
    """Return feature q at the corners."""
    return (
        feature_of(features, rows[0], q),
        feature_of(features, rows[1], q),
        feature_of(features, rows[2], q),
        feature_of(features, rows[3], q),
        feature_of(features, rows[4], q),
        feature_of(features, rows[5], q),
        feature_of(features, rows[6], q),
        feature_of(features, rows[7], q),
    )


@device
def interpolate(level, cell):
    """Return the four features, zeros where there is no cell."""
    exists, rows, fx, fy, fz = cell
    a0, a1, a2, a3 = ZERO, ZERO, ZERO, ZERO
    if exists:
        a0 = trilinear(_corners(level.features, rows, 0), fx, fy, fz)
        a1 = trilinear(_corners(level.features, rows, 1), fx, fy, fz)
        a2 = trilinear(_corners(level.features, rows, 2), fx, fy, fz)
        a3 = trilinear(_corners(level.features, rows, 3), fx, fy, fz)
    return a0, a1, a2, a3


@device
def _distance_of(voxels, row):
    """Return a voxel's fused distance, and whether it is known."""
    block, voxel = np.uint64(row >> 9), np.uint64(row & 511)
    return np.float32(voxels.sdf[block, voxel]), voxels.weight[block, voxel] > 0


@device
def base_with_slope(voxels, cell):
    """Return whether all corners of a cell of the base know their distance, that interpolated, and
    its derivatives by the fractions, all in its units.
    """
    exists, rows, fx, fy, fz = cell
    is_known, value, dx, dy, dz = False, ZERO, ZERO, ZERO, ZERO
    if exists:
        a0, k0 = _distance_of(voxels, rows[0])
        a1, k1 = _distance_of(voxels, rows[1])
        a2, k2 = _distance_of(voxels, rows[2])
        a3, k3 = _distance_of(voxels, rows[3])
        a4, k4 = _distance_of(voxels, rows[4])
        a5, k5 = _distance_of(voxels, rows[5])
        a6, k6 = _distance_of(voxels, rows[6])
        a7, k7 = _distance_of(voxels, rows[7])
        is_known = k0 & k1 & k2 & k3 & k4 & k5 & k6 & k7
        corner = (a0, a1, a2, a3, a4, a5, a6, a7)
        value, dx, dy, dz = trilinear_gradient(corner, fx, fy, fz)
    return is_known, value, dx, dy, dz


@device
def _color_of(color, row, c, fx, fy, fz):
    """Return the weight of a corner if it has a colour, else 0, and that times its colour."""
    block, voxel = np.uint64(row >> 9), np.uint64(row & 511)
    weight = corner_weight(c, fx, fy, fz) if color[block, 3, voxel] > 0 else ZERO
    red = weight * np.float32(color[block, 0, voxel])
    green = weight * np.float32(color[block, 1, voxel])
    return weight, red, green, weight * np.float32(color[block, 2, voxel])


@device
def base_color(voxels, cell):
    """Return whether any corner of a cell of the base has a colour, and that interpolated between
    those that do, 0..1.
    """
    exists, rows, fx, fy, fz = cell
    has_color, red, green, blue = False, ZERO, ZERO, ZERO
    if exists:
        color = voxels.color
        w0, r0, g0, b0 = _color_of(color, rows[0], 0, fx, fy, fz)
        w1, r1, g1, b1 = _color_of(color, rows[1], 1, fx, fy, fz)
        w2, r2, g2, b2 = _color_of(color, rows[2], 2, fx, fy, fz)
        w3, r3, g3, b3 = _color_of(color, rows[3], 3, fx, fy, fz)
        w4, r4, g4, b4 = _color_of(color, rows[4], 4, fx, fy, fz)
        w5, r5, g5, b5 = _color_of(color, rows[5], 5, fx, fy, fz)
        w6, r6, g6, b6 = _color_of(color, rows[6], 6, fx, fy, fz)
        w7, r7, g7, b7 = _color_of(color, rows[7], 7, fx, fy, fz)
        total = w0 + w1 + w2 + w3 + w4 + w5 + w6 + w7
        has_color = total > ZERO
        per_total = PER_255 / total if has_color else ZERO
        red = (r0 + r1 + r2 + r3 + r4 + r5 + r6 + r7) * per_total
        green = (g0 + g1 + g2 + g3 + g4 + g5 + g6 + g7) * per_total
        blue = (b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7) * per_total
    return has_color, red, green, blue


@device
def _along(features, row, g0, g1, g2, g3):
    value = g0 * feature_of(features, row, 0) + g1 * feature_of(features, row, 1)
    return value + g2 * feature_of(features, row, 2) + g3 * feature_of(features, row, 3)


@device
def slope(level, cell, g0, g1, g2, g3):
    """Return the derivatives by the fractions of what has the gradient g by the features; the cell
    must exist.
    """
    _, rows, fx, fy, fz = cell
    corner = (
        _along(level.features, rows[0], g0, g1, g2, g3),
        _along(level.features, rows[1], g0, g1, g2, g3),
        _along(level.features, rows[2], g0, g1, g2, g3),
        _along(level.features, rows[3], g0, g1, g2, g3),
        _along(level.features, rows[4], g0, g1, g2, g3),
        _along(level.features, rows[5], g0, g1, g2, g3),
        _along(level.features, rows[6], g0, g1, g2, g3),
        _along(level.features, rows[7], g0, g1, g2, g3),
    )
    _, dx, dy, dz = trilinear_gradient(corner, fx, fy, fz)
    return dx, dy, dz
