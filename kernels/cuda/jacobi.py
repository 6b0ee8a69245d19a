"""Eigen-decomposition of a symmetric 6 x 6 matrix by a block's first 36 threads, one an element.

The cyclic Jacobi method in the parallel order of Brent and Luk (1985): three disjoint rotations a
round, five rounds a sweep, after which every pair has been rotated once. The matrix and the vectors
are held twice: a round reads one half and writes the other, with one barrier after it. So an even
number of sweeps ends where it began.

One block works while all others wait for it: what counts is the time of a round. So indices are 32
bits wide and without a sign, which could wrap, and a thread looks up its partners once.
"""

import math

import numpy as np
from numba import cuda

from kernels.cuda.launch import device

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
TINY = np.float32(1e-30)
# of an element off the diagonal, squared, over the two on it: no more than rounding leaves
CONVERGED = np.float32(1e-14)
SIZE = 6
NUM_ELEMENTS = SIZE * SIZE
NUM_HELD = 2 * NUM_ELEMENTS  # in shared memory, of the matrix and of the vectors
MOST_PAIRS = 3  # of sweeps: float32 has converged after five
FRONT, BACK = np.int32(0), np.int32(NUM_ELEMENTS)  # where the halves begin


@device
def _partner(i, k):
    """Return the column that column i is rotated with in round k: a round-robin."""
    last = (k + 4) % 5
    other = (2 * k + 8 - i) % 5
    return np.int32(last if i == 5 else (5 if i == last else other))


@device
def _at(half, i, j):
    return np.uint32(half + SIZE * i + j)


@device
def _rotation(matrix, half, i, partner):
    """Return c and s with which column i becomes c column_i + s column_partner: the rotation that
    takes the element between both to 0.
    """
    p, q = np.int32(min(i, partner)), np.int32(max(i, partner))
    difference = matrix[_at(half, q, q)] - matrix[_at(half, p, p)]
    twice = TWO * matrix[_at(half, p, q)]
    length = np.float32(math.sqrt(difference * difference + twice * twice))
    tangent = twice / max(abs(difference) + length, TINY)
    tangent = -tangent if difference < ZERO else tangent
    c = ONE / np.float32(math.sqrt(ONE + tangent * tangent))
    s = tangent * c
    return c, -s if i < partner else s


@device
def _round(matrix, vectors, t, i, j, now, then, p, q):
    """Do one round for element t, in row i and column j, which are rotated with p and q."""
    if t < NUM_ELEMENTS:
        ci, si = _rotation(matrix, now, i, p)
        cj, sj = _rotation(matrix, now, j, q)
        upper = cj * matrix[_at(now, i, j)] + sj * matrix[_at(now, i, q)]
        lower = cj * matrix[_at(now, p, j)] + sj * matrix[_at(now, p, q)]
        matrix[_at(then, i, j)] = ci * upper + si * lower
        vectors[_at(then, i, j)] = cj * vectors[_at(now, i, j)] + sj * vectors[_at(now, i, q)]
    cuda.syncthreads()


@device
def _is_far(matrix, t, i, j):
    """Return 1 if element t has to become smaller yet."""
    is_far = np.int32(0)
    if t < NUM_ELEMENTS and i != j:
        e = matrix[_at(FRONT, i, j)]
        limit = CONVERGED * abs(matrix[_at(FRONT, i, i)] * matrix[_at(FRONT, j, j)])
        is_far = np.int32(1 if e * e > limit else 0)
    return is_far


@device
def diagonalise(matrix, vectors, t):
    """Make the matrix in the first half of `matrix` diagonal, and put its eigenvectors into the
    columns of the first half of `vectors`; both are flat, (NUM_HELD,).

    All threads t of a block have to come here together, after a barrier, and leave after one.
    """
    i, j = np.int32(t // SIZE), np.int32(t % SIZE)
    p0, p1, p2 = _partner(i, 0), _partner(i, 1), _partner(i, 2)
    p3, p4 = _partner(i, 3), _partner(i, 4)
    q0, q1, q2 = _partner(j, 0), _partner(j, 1), _partner(j, 2)
    q3, q4 = _partner(j, 3), _partner(j, 4)
    if t < NUM_ELEMENTS:
        vectors[_at(FRONT, i, j)] = ONE if i == j else ZERO
    cuda.syncthreads()
    num_pairs = 0
    is_far = True
    while is_far and num_pairs < MOST_PAIRS:
        _round(matrix, vectors, t, i, j, FRONT, BACK, p0, q0)
        _round(matrix, vectors, t, i, j, BACK, FRONT, p1, q1)
        _round(matrix, vectors, t, i, j, FRONT, BACK, p2, q2)
        _round(matrix, vectors, t, i, j, BACK, FRONT, p3, q3)
        _round(matrix, vectors, t, i, j, FRONT, BACK, p4, q4)
        _round(matrix, vectors, t, i, j, BACK, FRONT, p0, q0)
        _round(matrix, vectors, t, i, j, FRONT, BACK, p1, q1)
        _round(matrix, vectors, t, i, j, BACK, FRONT, p2, q2)
        _round(matrix, vectors, t, i, j, FRONT, BACK, p3, q3)
        _round(matrix, vectors, t, i, j, BACK, FRONT, p4, q4)
        num_pairs += 1
        is_far = cuda.syncthreads_or(_is_far(matrix, t, i, j)) != 0
