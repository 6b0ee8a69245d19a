"""Reading one old block for one voxel of a new one; see `kernels.resample`."""

import numpy as np

from kernels.resample import BEND_REACH, LEAST_KNOWN, NEAR_VOXELS
from kernels.scalar.cell import corner_weight
from kernels.scalar.compile import inline
from kernels.tsdf import MAX_COLOR_WEIGHT

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
SIDE = np.float32(8.0)
NEAR = np.float32(NEAR_VOXELS)
LEAST = np.float32(LEAST_KNOWN)
ALL = np.float32(0.9999)  # of a cell, but for rounding
REACH = np.float32(BEND_REACH)
MOST = np.float32(32767.0)
STEPS = np.float64(1 << 17)  # of a voxel
FAR = np.float64(1 << 44) + np.float64(0.5)  # steps; the half rounds
HELD, MISSED = 2, 1  # how a block has a position: the higher counts


@inline
def old_origin(T_old_new, new_coord, old_coord, axis):
    """Return where the first voxel of a new block was, from the first of an old one: in float64, so
    that it is as exact far from the world's origin, and in steps in which float32 is exact, so that
    a whole number is one.
    """
    place = (
        T_old_new[axis, 0] * (np.float64(8.0) * new_coord[0])
        + T_old_new[axis, 1] * (np.float64(8.0) * new_coord[1])
        + T_old_new[axis, 2] * (np.float64(8.0) * new_coord[2])
        + (T_old_new[axis, 3] - np.float64(8.0) * old_coord[axis])
    )
    steps = np.int64(place * STEPS + FAR) - np.int64(FAR)  # of a positive number, that is floor
    return np.float32(np.float64(steps) / STEPS)


@inline
def has_position(x, y, z):
    """Return whether a block holds a position in its voxels, or misses it by little; else 0."""
    low, high = min(x, y, z), max(x, y, z)
    if low >= ZERO and high < SIDE:
        return HELD
    return MISSED if low >= -NEAR and high < SIDE + NEAR else 0


@inline
def split(x):
    """Return the lowest voxel of the cell at a position, or at the block's nearest, and the
    fraction.
    """
    x = min(max(x, ZERO), SIDE)
    lowest = min(np.int32(x), np.int32(7))
    return lowest, x - np.float32(lowest)


@inline
def read_block(index, blocks, slot, x, y, z):
    """Return the means of a cell: weight, distance, colour weight, red, green, blue, and the share
    of its known part that readings have been near; all 0 where too little is known.
    """
    lx, fx = split(x)
    ly, fy = split(y)
    lz, fz = split(z)
    known, weight, distance, marked = ZERO, ZERO, ZERO, ZERO
    low, high = MOST, -MOST
    colored, color_weight, red, green, blue = ZERO, ZERO, ZERO, ZERO, ZERO
    is_inside = (lx < 7) & (ly < 7) & (lz < 7)
    for c in range(8):
        share = corner_weight(c, fx, fy, fz)
        vx, vy, vz = lx + (c >> 2), ly + ((c >> 1) & 1), lz + (c & 1)
        # unsigned: a negative index would be wrapped around, which takes a branch
        voxel = np.uint32(((vx & 7) << 6) | ((vy & 7) << 3) | (vz & 7))
        s = slot
        if not is_inside:
            d = ((vx >> 3) << 2) | ((vy >> 3) << 1) | (vz >> 3)
            s = slot if d == 0 else index.neighbors[slot, d]
            if s < 0:
                continue
        block = np.uint32(s)
        w = np.float32(blocks.weight[block, voxel])
        if w > ZERO and share > ZERO:
            sdf = np.float32(blocks.sdf[block, voxel])
            known += share
            weight += share * w
            distance += share * sdf
            low, high = min(low, sdf), max(high, sdf)
            r = np.float32(blocks.color[block, 0, voxel])
            if r > ZERO:
                marked += share
            w = np.float32(blocks.color[block, 3, voxel])
            if w > ZERO:
                colored += share
                color_weight += share * w
                red += share * r
                green += share * np.float32(blocks.color[block, 1, voxel])
                blue += share * np.float32(blocks.color[block, 2, voxel])
    if known < LEAST:
        return ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    bend = ZERO
    if known > ALL and abs(distance) < REACH * (high - low):
        bend = curvature(index, blocks, slot, lx, ly, lz, fx, fy, fz)
    per_color = ONE / max(colored, np.float32(1e-12))
    return (
        weight / known, distance / known - bend, color_weight, red * per_color, green * per_color,
        blue * per_color, marked / known,
    )  # fmt: skip


@inline
def curvature(index, blocks, slot, lx, ly, lz, fx, fy, fz):
    """Return what the trilinear distance lacks: along each axis t (1 - t) / 2 of the smaller second
    difference at the two ends of the cell, on the line of voxels that is nearest; none where they
    have different signs, as at a kink, or are not known, as in the lowest cells of a block.
    """
    nx, ny, nz = lx + np.int32(fx + HALF), ly + np.int32(fy + HALF), lz + np.int32(fz + HALF)
    total = ZERO
    if lx > 0:
        total += _bend(index, blocks, slot, lx - 1, ny, nz, 1, 0, 0, fx)
    if ly > 0:
        total += _bend(index, blocks, slot, nx, ly - 1, nz, 0, 1, 0, fy)
    if lz > 0:
        total += _bend(index, blocks, slot, nx, ny, lz - 1, 0, 0, 1, fz)
    return total


@inline
def _bend(index, blocks, slot, vx, vy, vz, sx, sy, sz, f):
    """Return the part of one axis, of a line of four voxels."""
    before_w, before = _voxel(index, blocks, slot, vx, vy, vz)
    lower_w, lower = _voxel(index, blocks, slot, vx + sx, vy + sy, vz + sz)
    upper_w, upper = _voxel(index, blocks, slot, vx + 2 * sx, vy + 2 * sy, vz + 2 * sz)
    behind_w, behind = _voxel(index, blocks, slot, vx + 3 * sx, vy + 3 * sy, vz + 3 * sz)
    first = before - lower - lower + upper
    second = lower - upper - upper + behind
    smaller = first if abs(first) < abs(second) else second
    is_curve = (min(before_w, lower_w, upper_w, behind_w) > ZERO) & (first * second > ZERO)
    return f * (ONE - f) * HALF * smaller if is_curve else ZERO


@inline
def _voxel(index, blocks, slot, vx, vy, vz):
    """Return weight and distance of a voxel in a block or the next one up."""
    d = ((vx >> 3) << 2) | ((vy >> 3) << 1) | (vz >> 3)
    s = slot if d == 0 else index.neighbors[slot, d]
    if s < 0:
        return ZERO, ZERO
    block, voxel = np.uint32(s), np.uint32(((vx & 7) << 6) | ((vy & 7) << 3) | (vz & 7))
    return np.float32(blocks.weight[block, voxel]), np.float32(blocks.sdf[block, voxel])


@inline
def rounded_distance(distance, weight):
    """Return the mean of a sum of distances times weights, to the nearest unit."""
    # + 32768 makes it positive, where truncation is floor; what is curved may go beyond the ends
    mean = min(max(distance / max(weight, ONE), -MOST), MOST)
    return np.int32(mean + np.float32(32768.5)) - np.int32(32768)


@inline
def rounded_weight(weight, most):
    """Return a sum of weights, to the nearest unit, limited."""
    return np.int32(min(weight, most) + HALF)


@inline
def rounded_color(red, green, blue, weight, is_marked):
    """Return the means of sums of colours times weights, and the weight; red is at least 1 where
    readings have been near.
    """
    total = np.int32(min(weight, np.float32(MAX_COLOR_WEIGHT)) + HALF)
    per_weight = ONE / weight if total > 0 else ZERO
    r, g, b = (
        np.int32(red * per_weight + HALF), np.int32(green * per_weight + HALF),
        np.int32(blue * per_weight + HALF),
    )  # fmt: skip
    return max(r, np.int32(1)) if is_marked else r, g, b, total
