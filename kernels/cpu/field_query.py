"""Point evaluation of the neural field in numba; contracts in `kernels.field`.

Points go through in chunks: gathering is done point by point, decoding over the points of a chunk,
which vectorises.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.cpu.field_cell import NOWHERE, find_cell
from kernels.cpu.field_color import color
from kernels.field import NUM_FEATURES
from kernels.scalar.bfloat16 import widen
from kernels.scalar.compile import inline, subroutine

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
CHUNK = 128
HIDDEN = 32


@inline
def _with_slope(value, k, fx, fy, fz, a000, a001, a010, a011, a100, a101, a110, a111, i):
    """Write value and its derivatives by x, y, z (per spacing) of one trilinear cell to value[k]"""
    z00, z01 = a000 + fz * (a001 - a000), a010 + fz * (a011 - a010)
    z10, z11 = a100 + fz * (a101 - a100), a110 + fz * (a111 - a110)
    y0, y1 = z00 + fy * (z01 - z00), z10 + fy * (z11 - z10)
    d0 = a001 - a000 + fy * (a011 - a010 - a001 + a000)
    d1 = a101 - a100 + fy * (a111 - a110 - a101 + a100)
    value[k, 0, i] = y0 + fx * (y1 - y0)
    value[k, 1, i] = y1 - y0
    value[k, 2, i] = (z01 - z00) + fx * ((z11 - z10) - (z01 - z00))
    value[k, 3, i] = d0 + fx * (d1 - d0)


@inline
def _features_with_slope(features, rows, fx, fy, fz, value, first, i):
    r0, r1, r2, r3 = (
        np.uint64(rows[0]), np.uint64(rows[1]), np.uint64(rows[2]), np.uint64(rows[3]),
    )  # fmt: skip
    r4, r5, r6, r7 = (
        np.uint64(rows[4]), np.uint64(rows[5]), np.uint64(rows[6]), np.uint64(rows[7]),
    )  # fmt: skip
    for q in range(NUM_FEATURES):
        _with_slope(
            value, first + q, fx, fy, fz,
            widen(features[r0, q]), widen(features[r1, q]), widen(features[r2, q]),
            widen(features[r3, q]), widen(features[r4, q]), widen(features[r5, q]),
            widen(features[r6, q]), widen(features[r7, q]), i,
        )  # fmt: skip


def query(field, points):
    base, fine, middle = field.base, field.fine, field.middle
    return _query(
        base.blocks, base.voxels.sdf, base.voxels.weight, base.voxel_size_m, base.sdf_unit_m,
        fine.blocks, fine.features, fine.spacing_m,
        middle.blocks, middle.features, middle.spacing_m, field.decoders, field.truncation_m,
        points,
    )  # fmt: skip


@parallel_kernel
def _query(
    base_index, base_sdf, base_weight, base_m, sdf_unit_m, fine_index, fine_features, fine_m,
    middle_index, middle_features, middle_m, decoders, truncation, points,
):  # fmt: skip
    num_points = points.shape[0]
    sdf_m = np.zeros(num_points, np.float32)
    gradient = np.zeros((num_points, 3), np.float32)
    is_valid = np.zeros(num_points, np.bool_)
    fine_features = fine_features.reshape(-1, NUM_FEATURES)
    middle_features = middle_features.reshape(-1, NUM_FEATURES)
    base_sdf = base_sdf.reshape(-1)
    base_weight = base_weight.reshape(-1)
    per_base, per_fine, per_middle = ONE / base_m, ONE / fine_m, ONE / middle_m
    w1, w2 = decoders.fine_w1, decoders.fine_w2
    unit = sdf_unit_m / truncation
    for part in prange((num_points + CHUNK - 1) // CHUNK):
        first = np.int64(part) * CHUNK
        last = min(first + CHUNK, num_points)
        x = np.empty((8, 4, CHUNK), np.float32)  # feature, value and derivatives, point
        base = np.empty((1, 4, CHUNK), np.float32)
        numbers = np.empty(CHUNK, np.int64)
        last_base = np.full(4, NOWHERE, np.int32)
        last_fine = np.full(4, NOWHERE, np.int32)
        last_middle = np.full(4, NOWHERE, np.int32)
        rows = np.empty(8, np.int32)
        n = 0
        for i in range(first, last):
            found, fx, fy, fz = find_cell(
                base_index, points[i, 0] * per_base, points[i, 1] * per_base,
                points[i, 2] * per_base, last_base, rows,
            )  # fmt: skip
            if not found:
                continue
            known = True
            for c in range(8):
                known = known and base_weight[rows[c]] > 0
            if not known:
                continue
            _with_slope(
                base, 0, fx, fy, fz,
                np.float32(base_sdf[rows[0]]), np.float32(base_sdf[rows[1]]),
                np.float32(base_sdf[rows[2]]), np.float32(base_sdf[rows[3]]),
                np.float32(base_sdf[rows[4]]), np.float32(base_sdf[rows[5]]),
                np.float32(base_sdf[rows[6]]), np.float32(base_sdf[rows[7]]), n,
            )  # fmt: skip
            found, fx, fy, fz = find_cell(
                fine_index, points[i, 0] * per_fine, points[i, 1] * per_fine,
                points[i, 2] * per_fine, last_fine, rows,
            )  # fmt: skip
            if found:
                _features_with_slope(fine_features, rows, fx, fy, fz, x, 0, n)
                found, fx, fy, fz = find_cell(
                    middle_index, points[i, 0] * per_middle, points[i, 1] * per_middle,
                    points[i, 2] * per_middle, last_middle, rows,
                )  # fmt: skip
                if found:
                    _features_with_slope(middle_features, rows, fx, fy, fz, x, 4, n)
                else:
                    x[4:, :, n] = ZERO
            else:  # without fine features there is no residual
                x[:, :, n] = ZERO
            numbers[n] = i
            n += 1
        for q in range(4):  # all derivatives in truncations a metre
            for d in range(1, 4):
                for i in range(n):
                    x[q, d, i] *= per_fine
                    x[4 + q, d, i] *= per_middle
        total = np.empty((4, CHUNK), np.float32)
        for d in range(4):
            scale = unit if d == 0 else unit * per_base
            for i in range(n):
                total[d, i] = base[0, d, i] * scale
        _add_residual(w1, w2, x, n, total)
        for i in range(n):
            sdf_m[numbers[i]] = total[0, i] * truncation
            for d in range(3):
                gradient[numbers[i], d] = total[1 + d, i] * truncation
            is_valid[numbers[i]] = True
    return sdf_m, gradient, is_valid


@subroutine
def _add_residual(w1, w2, x, n, total):
    """Add value and derivatives of the fine residual."""
    g = np.empty((8, CHUNK), np.float32)
    for i in range(n):
        g[0, i] = ONE
        for q in range(1, 8):
            g[q, i] = ZERO
    for k in range(HIDDEN):
        for i in range(n):
            below = w1[4, k] * x[4, 0, i] + w1[5, k] * x[5, 0, i]
            below += w1[6, k] * x[6, 0, i] + w1[7, k] * x[7, 0, i]
            pre = below + w1[0, k] * x[0, 0, i] + w1[1, k] * x[1, 0, i]
            pre += w1[2, k] * x[2, 0, i] + w1[3, k] * x[3, 0, i]
            act = w2[k] if pre > ZERO else ZERO
            change = act - (w2[k] if below > ZERO else ZERO)
            g[0, i] += act * w1[0, k]
            g[1, i] += act * w1[1, k]
            g[2, i] += act * w1[2, k]
            g[3, i] += act * w1[3, k]
            g[4, i] += change * w1[4, k]
            g[5, i] += change * w1[5, k]
            g[6, i] += change * w1[6, k]
            g[7, i] += change * w1[7, k]
    for d in range(4):
        for q in range(8):
            for i in range(n):
                total[d, i] += g[q, i] * x[q, d, i]


__all__ = ["color", "query"]
