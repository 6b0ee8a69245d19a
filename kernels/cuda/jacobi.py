"""Eigen-decomposition of a symmetric 6 x 6 matrix by a block's first 36 threads, one an element.

The cyclic Jacobi method in the parallel order of Brent and Luk (1985): three disjoint rotations a
round, five rounds a sweep, after which every pair has been rotated once. The matrix and the vectors
are held twice: a round reads one and writes the other, with one barrier after it.
"""

import math
from typing import Any

import numpy as np

from kernels.cuda.launch import device

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
TINY = np.float32(1e-30)
SIZE = 6
NUM_ELEMENTS = SIZE * SIZE
ROUNDS = 5
NUM_STEPS = (
    6 * ROUNDS
)  # six sweeps: float32 has converged after five; even, so it ends where it began
PAIR_SHAPE: Any = (2, SIZE, SIZE)  # of shared memory


def _partners() -> np.ndarray:
    """Return the column that each one is rotated with, int32 (ROUNDS, SIZE): a round-robin."""
    partners = np.zeros((ROUNDS, SIZE), np.int32)
    for k in range(ROUNDS):
        ring = [SIZE - 1] + [(k + i) % (SIZE - 1) for i in range(SIZE - 1)]
        for i in range(SIZE // 2):
            a, b = ring[i], ring[SIZE - 1 - i]
            partners[k, a], partners[k, b] = b, a
    return partners


PARTNERS = _partners()


@device
def rotation(matrix, now, i, partner):
    """Return c and s with which column i becomes c column_i + s column_partner: the rotation that
    takes the element between both to 0.
    """
    p, q = min(i, partner), max(i, partner)
    difference = matrix[now, q, q] - matrix[now, p, p]
    twice = TWO * matrix[now, p, q]
    length = np.float32(math.sqrt(difference * difference + twice * twice))
    denominator = abs(difference) + length
    tangent = twice / max(denominator, TINY)
    tangent = -tangent if difference < ZERO else tangent
    c = ONE / np.float32(math.sqrt(ONE + tangent * tangent))
    s = tangent * c
    return c, -s if i < partner else s


@device
def rotate(matrix, vectors, partners, step, t):
    """Do one round for element t; a barrier has to follow."""
    now, then = step & 1, 1 - (step & 1)
    i, j = t // SIZE, t % SIZE
    p, q = partners[step % ROUNDS, i], partners[step % ROUNDS, j]
    ci, si = rotation(matrix, now, i, p)
    cj, sj = rotation(matrix, now, j, q)
    upper = cj * matrix[now, i, j] + sj * matrix[now, i, q]
    lower = cj * matrix[now, p, j] + sj * matrix[now, p, q]
    matrix[then, i, j] = ci * upper + si * lower
    vectors[then, i, j] = cj * vectors[now, i, j] + sj * vectors[now, i, q]
