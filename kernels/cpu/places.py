"""Recognition of places in numba; contracts in `kernels.places`.

One thread each: the calls are short, and the mapping thread works beside them.
"""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.places import BRANCHES, LEVELS, WORDS_64
from kernels.scalar.compile import inline
from kernels.scalar.random import next_random
from kernels.scalar.rigid import motion_of_triangle

FAR_BITS = 1 << 20


def words_of(descriptors, tree):
    return _words_of(descriptors, tree)


def match(descriptors, others, max_bits, max_ratio):
    return _match(descriptors, others, max_bits, np.float32(max_ratio))


def consensus(points, targets, tolerance_m, num_samples, seed):
    return _consensus(points, targets, tolerance_m, num_samples, np.uint64(seed))


def score_places(words, starts, weights):
    return _score_places(words, starts, weights)


@inline
def _num_bits(x):
    """Count the bits that are set, in the form that LLVM knows as the processor's instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int32((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inline
def _distance(a, i, b, j):
    bits = np.int32(0)
    for k in range(WORDS_64):
        bits += _num_bits(a[i, k] ^ b[j, k])
    return bits


@kernel
def _words_of(descriptors, tree):
    n = descriptors.shape[0]
    words = np.empty(n, np.int32)
    for i in range(n):
        node, first = 0, 0  # within its level; where the next level starts in the tree
        size = BRANCHES
        for _ in range(LEVELS):
            best, best_bits = 0, FAR_BITS
            for child in range(BRANCHES * node, BRANCHES * (node + 1)):
                bits = _distance(descriptors, i, tree, first + child)
                if bits < best_bits:
                    best, best_bits = child, bits
            node = best
            first += size
            size *= BRANCHES
        words[i] = node
    return words


@kernel
def _match(descriptors, others, max_bits, max_ratio):
    n, m = descriptors.shape[0], others.shape[0]
    matches = np.full(n, -1, np.int32)
    nearest = np.full(m, -1, np.int32)
    nearest_bits = np.full(m, FAR_BITS, np.int32)
    row = np.empty(m, np.int32)
    for i in range(n):
        for j in range(m):  # apart from what follows, which has branches: 4 times as fast
            row[j] = _distance(descriptors, i, others, j)
        best, first, second = -1, FAR_BITS, FAR_BITS
        for j in range(m):
            bits = row[j]
            if bits < second:
                second = bits
                if bits < first:
                    best, first, second = j, bits, first
            if bits < nearest_bits[j]:
                nearest[j], nearest_bits[j] = i, bits
        if first <= max_bits and np.float32(first) < max_ratio * np.float32(second):
            matches[i] = best
    for i in range(n):
        if matches[i] >= 0 and nearest[matches[i]] != i:
            matches[i] = -1
    return matches


@kernel
def _consensus(points, targets, tolerance_m, num_samples, seed):
    n = points.shape[0]
    best = np.zeros(n, np.bool_)
    if n < 3:
        return best
    best_count = 0
    motion = np.empty(12, np.float32)
    state = seed
    for _ in range(num_samples):
        state, a = next_random(state)
        state, b = next_random(state)
        state, c = next_random(state)
        i, j, k = int(a * np.float32(n)), int(b * np.float32(n)), int(c * np.float32(n))
        if i == j or j == k or i == k:
            continue
        if not motion_of_triangle(points, targets, tolerance_m, i, j, k, motion):
            continue
        count = 0
        for p in range(n):
            count += _agrees(motion, points, targets, tolerance_m, p)
        if count > best_count:
            best_count = count
            for p in range(n):
                best[p] = _agrees(motion, points, targets, tolerance_m, p)
    return best


@inline
def _agrees(motion, points, targets, tolerance_m, p):
    x, y, z = points[p, 0], points[p, 1], points[p, 2]
    dx = motion[0] * x + motion[1] * y + motion[2] * z + motion[9] - targets[p, 0]
    dy = motion[3] * x + motion[4] * y + motion[5] * z + motion[10] - targets[p, 1]
    dz = motion[6] * x + motion[7] * y + motion[8] * z + motion[11] - targets[p, 2]
    return dx * dx + dy * dy + dz * dz < tolerance_m[p] * tolerance_m[p]


@kernel
def _score_places(words, starts, weights):
    num_places = starts.shape[0] - 1
    scores = np.zeros(num_places, np.float32)
    for k in range(num_places):
        total = np.float32(0.0)
        for i in range(starts[k], starts[k + 1]):
            total += weights[words[i]]
        scores[k] = total / np.sqrt(np.float32(max(starts[k + 1] - starts[k], 1)))
    return scores
