"""Judging readings in numba; contract in `kernels.judge`.

A row is worked on in spans, in flat passes with scratch in between: look; one hidden unit after the
other; judge. Scratch rows are a constant apart and indices unsigned: with numba's test for negative
ones, or with too many arrays that might overlap, nothing vectorises.
"""

import numpy as np
from numba import prange

from kernels.cpu.compile import kernel, parallel_kernel
from kernels.judge import NUM_HIDDEN, RINGS_PX
from kernels.scalar.compile import inline
from kernels.scalar.judge import farness, judged, noisiness, ring, scale, unit

MARGIN = max(RINGS_PX)  # round the image, where all is missing: so spans need no bounds
HERE = np.uint64(MARGIN)  # where in the rows of inverse depth a span's first pixel is
NEAR_LEFT, NEAR_RIGHT = np.uint64(MARGIN - RINGS_PX[0]), np.uint64(MARGIN + RINGS_PX[0])
FAR_LEFT, FAR_RIGHT = np.uint64(MARGIN - RINGS_PX[1]), np.uint64(MARGIN + RINGS_PX[1])
SPAN = 128
NOISY, RELATIVE, SUMS, NUM_SEEN = 18, 19, 20, 24  # after nine rows of features a ring
NUM_CHUNKS = 16  # units of parallel work


@inline
def _at(row, i):
    return np.uint64(row * SPAN) + i


@kernel
def _look(z, here, near_above, near_below, far_above, far_below, noise, seen):
    """Write what is known of a span's readings. The rows of inverse depth about it begin MARGIN
    pixels before it.
    """
    noise = (noise[0], noise[1], noise[2])
    for number in range(z.shape[0]):
        i = np.uint64(number)
        reading = here[i + HERE]
        per_sigma, relative = scale(z[i], noise)
        near, near_weight, near_sum = ring(
            reading, per_sigma,
            here[i + NEAR_LEFT], here[i + NEAR_RIGHT],
            near_above[i + NEAR_LEFT], near_below[i + NEAR_RIGHT],
            near_above[i + HERE], near_below[i + HERE],
            near_above[i + NEAR_RIGHT], near_below[i + NEAR_LEFT],
        )  # fmt: skip
        far, far_weight, far_sum = ring(
            reading, per_sigma,
            here[i + FAR_LEFT], here[i + FAR_RIGHT],
            far_above[i + FAR_LEFT], far_below[i + FAR_RIGHT],
            far_above[i + HERE], far_below[i + HERE],
            far_above[i + FAR_RIGHT], far_below[i + FAR_LEFT],
        )  # fmt: skip
        n0, n1, n2, n3, n4, n5, n6, n7, n8 = near
        f0, f1, f2, f3, f4, f5, f6, f7, f8 = far
        seen[_at(0, i)], seen[_at(1, i)], seen[_at(2, i)] = n0, n1, n2
        seen[_at(3, i)], seen[_at(4, i)], seen[_at(5, i)] = n3, n4, n5
        seen[_at(6, i)], seen[_at(7, i)], seen[_at(8, i)] = n6, n7, n8
        seen[_at(9, i)], seen[_at(10, i)], seen[_at(11, i)] = f0, f1, f2
        seen[_at(12, i)], seen[_at(13, i)], seen[_at(14, i)] = f3, f4, f5
        seen[_at(15, i)], seen[_at(16, i)], seen[_at(17, i)] = f6, f7, f8
        seen[_at(NOISY, i)], seen[_at(RELATIVE, i)] = noisiness(relative), relative
        seen[_at(SUMS, i)], seen[_at(SUMS + 1, i)] = near_weight, near_sum
        seen[_at(SUMS + 2, i)], seen[_at(SUMS + 3, i)] = far_weight, far_sum


@kernel
def _activate(network, j, seen, units, length):
    """Write the values of hidden unit j."""
    for number in range(length):
        i = np.uint64(number)
        near = (
            seen[_at(0, i)], seen[_at(1, i)], seen[_at(2, i)], seen[_at(3, i)], seen[_at(4, i)],
            seen[_at(5, i)], seen[_at(6, i)], seen[_at(7, i)], seen[_at(8, i)],
        )  # fmt: skip
        far = (
            seen[_at(9, i)], seen[_at(10, i)], seen[_at(11, i)], seen[_at(12, i)],
            seen[_at(13, i)], seen[_at(14, i)], seen[_at(15, i)], seen[_at(16, i)],
            seen[_at(17, i)],
        )  # fmt: skip
        units[i] = unit(network, j, near, far, seen[_at(NOISY, i)])


@kernel
def _judge(z, network, seen, units, out):
    """Write the readings of a span as they are believed."""
    for number in range(z.shape[0]):
        i = np.uint64(number)
        values = (
            units[_at(0, i)], units[_at(1, i)], units[_at(2, i)], units[_at(3, i)],
            units[_at(4, i)], units[_at(5, i)], units[_at(6, i)], units[_at(7, i)],
        )  # fmt: skip
        out[i] = judged(
            z[i], seen[_at(RELATIVE, i)], network, values, seen[_at(SUMS, i)],
            seen[_at(SUMS + 1, i)], seen[_at(SUMS + 2, i)], seen[_at(SUMS + 3, i)],
        )  # fmt: skip


@kernel
def _invert(z, out):
    for u in range(z.shape[0]):
        out[u] = farness(z[u])


@parallel_kernel
def judged_depth(depth_m, noise, network):
    h, w = depth_m.shape
    around = np.zeros((h + 2 * MARGIN, w + 2 * MARGIN), np.float32)
    for row in prange(h):
        v = np.int64(row)
        _invert(depth_m[v], around[v + MARGIN, MARGIN : MARGIN + w])
    out = np.empty((h, w), np.float32)
    for part in prange(NUM_CHUNKS):
        seen = np.empty(NUM_SEEN * SPAN, np.float32)
        units = np.empty(NUM_HIDDEN * SPAN, np.float32)
        for v in range(np.int64(part), h, NUM_CHUNKS):
            m = v + MARGIN
            for first in range(0, w, SPAN):
                end = min(first + SPAN, w)
                last = end + 2 * MARGIN
                z = depth_m[v, first:end]
                _look(
                    z, around[m, first:last],
                    around[m - RINGS_PX[0], first:last], around[m + RINGS_PX[0], first:last],
                    around[m - RINGS_PX[1], first:last], around[m + RINGS_PX[1], first:last],
                    noise, seen,
                )  # fmt: skip
                for j in range(NUM_HIDDEN):
                    _activate(network, j, seen, units[j * SPAN : (j + 1) * SPAN], end - first)
                _judge(z, network, seen, units, out[v, first:end])
    return out
