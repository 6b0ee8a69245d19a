"""Looking up and interpolating the cells of a grid level, shared by the field's kernels.

Rows are made unsigned before they index: a signed index costs a branch for counting from the end.
"""

import numpy as np

from kernels.cpu.cell import locate
from kernels.scalar.bfloat16 import widen
from kernels.scalar.cell import corner_weight
from kernels.scalar.compile import inline
from kernels.scalar.field_cell import corner_row
from kernels.scalar.hashing import find

PER_255 = np.float32(1.0 / 255.0)
NOWHERE = np.int32(1 << 30)  # a block coordinate that no point has


@inline
def find_cell(index, x, y, z, last, rows):
    """Write the rows (slot * 512 + vertex) of a cell's eight corners; x, y, z in spacings.

    `last` int32 (4,) remembers block and slot of the last point: neighbours share them. Returns
    whether all corners exist, and the fractions.
    """
    bx, lx, fx = locate(x)
    by, ly, fy = locate(y)
    bz, lz, fz = locate(z)
    if bx != last[0] or by != last[1] or bz != last[2]:
        last[0], last[1], last[2] = bx, by, bz
        last[3] = find(index, bx, by, bz)
    slot = last[3]
    exists = slot >= 0
    if exists:
        if lx < 7 and ly < 7 and lz < 7:
            first = (slot << 9) | (lx << 6) | (ly << 3) | lz
            for c in range(8):
                rows[c] = first + ((c >> 2) << 6) + (((c >> 1) & 1) << 3) + (c & 1)
        else:
            for c in range(8):
                rows[c] = corner_row(index, slot, lx, ly, lz, c)
                exists = exists and rows[c] >= 0
    return exists, fx, fy, fz


@inline
def interpolate(features, rows, fx, fy, fz, x, first, i):
    """Write the four interpolated features to x[first : first + 4, i]."""
    a0, a1, a2, a3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for c in range(8):
        weight = corner_weight(c, fx, fy, fz)
        row = np.uint64(rows[c])
        a0 += weight * widen(features[row, 0])
        a1 += weight * widen(features[row, 1])
        a2 += weight * widen(features[row, 2])
        a3 += weight * widen(features[row, 3])
    x[first, i] = a0
    x[first + 1, i] = a1
    x[first + 2, i] = a2
    x[first + 3, i] = a3


@inline
def base_distance(sdf, weight, rows, fx, fy, fz):
    """Interpolate the fused distance (raw units) of a cell; return whether all corners know it."""
    known = True
    total = np.float32(0)
    for c in range(8):
        row = np.uint64(rows[c])
        known = known and weight[row] > 0
        total += corner_weight(c, fx, fy, fz) * np.float32(sdf[row])
    return known, total


@inline
def base_color(color, rows, fx, fy, fz):
    """Interpolate the fused colour between the corners that have one; return whether any has."""
    red, green, blue, total = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for c in range(8):
        rgbw, voxel = color[np.uint64(rows[c] >> 9)], np.uint64(rows[c] & 511)
        weight = corner_weight(c, fx, fy, fz) if rgbw[3, voxel] > 0 else np.float32(0)
        total += weight
        red += weight * np.float32(rgbw[0, voxel])
        green += weight * np.float32(rgbw[1, voxel])
        blue += weight * np.float32(rgbw[2, voxel])
    per_total = PER_255 / total if total > 0 else np.float32(0)
    return total > 0, red * per_total, green * per_total, blue * per_total
