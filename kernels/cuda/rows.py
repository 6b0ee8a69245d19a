"""Adding up the normal equations of one residual a thread.

Each thread puts its Jacobian row into shared memory. Then, after a barrier, thread (k, part) adds
up product k over a part of the block's rows, and after another one the parts are added up: always
in the same order.
"""

from typing import Any

import numpy as np
from numba import cuda

from kernels.align import NUM_SUMS
from kernels.cuda.launch import device
from kernels.scalar.align import cauchy_weight, jacobian_row

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
THREADS = 256  # a block
PARTS = THREADS // NUM_SUMS
ROWS_EACH = THREADS // PARTS  # rows of a part
NUM_ROWS = 9
# of shared memory; a row of other than a multiple of 32, or all would lie in one memory bank
ROWS_SHAPE: Any = (NUM_ROWS, THREADS + 1)
PARTS_SHAPE: Any = (PARTS, NUM_SUMS)
ERROR, USED, WEIGHT = 6, 7, 8  # the rows after those of the Jacobian
_PAIRS = [(a, b, WEIGHT) for a in range(6) for b in range(a, 6)]
_PAIRS += [(a, ERROR, WEIGHT) for a in range(6)]
_PAIRS += [(ERROR, ERROR, WEIGHT), (USED, USED, WEIGHT), (ERROR, USED, WEIGHT)]
_PAIRS += [(USED, USED, USED)] * 2
FACTORS = np.array(_PAIRS, np.int32)  # (32, 3): the rows whose products make each sum


@device
def clear_row(rows, t):
    """Make the row of thread t one that is not used."""
    for k in range(NUM_ROWS):
        rows[k, t] = ZERO


@device
def put_row(rows, t, gx, gy, gz, x, y, z, residual, sigma, scale):
    """Put the residual of the camera-frame point (x, y, z) into the row of thread t."""
    per_sigma = ONE / sigma
    j0, j1, j2, j3, j4, j5 = jacobian_row(gx, gy, gz, x, y, z, per_sigma)
    rows[0, t], rows[1, t], rows[2, t] = j0, j1, j2
    rows[3, t], rows[4, t], rows[5, t] = j3, j4, j5
    e = residual * per_sigma
    rows[ERROR, t] = e
    rows[USED, t] = ONE
    rows[WEIGHT, t] = cauchy_weight(e, scale)


@device
def add_up(rows, parts, t, sums, block):
    """Write the sums over all rows of a block to its row of `sums`. All its threads have to come
    here together.
    """
    cuda.syncthreads()
    factors = cuda.const.array_like(FACTORS)
    k, part = t % NUM_SUMS, t // NUM_SUMS
    a, b, c = factors[k, 0], factors[k, 1], factors[k, 2]
    total = ZERO
    for i in range(part * ROWS_EACH, (part + 1) * ROWS_EACH):
        total += rows[c, i] * rows[a, i] * rows[b, i]
    parts[part, k] = total
    cuda.syncthreads()
    if t < NUM_SUMS:
        total = ZERO
        for part in range(PARTS):
            total += parts[part, t]
        sums[block, t] = total
