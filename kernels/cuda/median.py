"""Medians on CUDA, without sorting: a radix selection, a block each."""

from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.cuda.arrays import empty
from kernels.cuda.launch import IS_SIMULATED, kernel, launch
from kernels.dispatch import check_array

NUM_BINS = 256  # of a radix pass
GROUP = 16  # bins: its square is NUM_BINS
# One block walks over all values. With twice as many its registers would not fit.
THREADS = 256 if IS_SIMULATED else 512


@kernel
def _select(first, first_column, second, second_column, count, out):
    """Find the middle one of positive integers, a byte a pass, from the highest: block 0 in a
    column of `first`, block 1 in one of `second`.
    """
    bins = cuda.shared.array(NUM_BINS, np.int32)
    groups = cuda.shared.array(GROUP, np.int32)
    found = cuda.shared.array(2, np.int32)  # a bin, and the rank among what is in it
    t: Any = cuda.threadIdx.x
    is_first = cuda.blockIdx.x == 0
    n = min(np.int64(count[0]), np.int64(first.shape[0]))
    prefix, rank = np.int64(0), (n - 1) // 2
    if n > 0:  # the same for all threads
        for shift in range(24, -1, -8):
            if t < NUM_BINS:
                bins[t] = 0
            cuda.syncthreads()
            for i in range(t, n, THREADS):
                value = np.int64(first[i, first_column] if is_first else second[i, second_column])
                if value >> (shift + 8) == prefix:
                    cuda.atomic.add(bins, (value >> shift) & 255, 1)
            cuda.syncthreads()
            if t < GROUP:
                total = np.int32(0)
                for i in range(t * GROUP, (t + 1) * GROUP):
                    total += bins[i]
                groups[t] = total
            cuda.syncthreads()
            if t < NUM_BINS:
                before = np.int64(0)
                for i in range(t // GROUP):
                    before += groups[i]
                for i in range(t // GROUP * GROUP, t):
                    before += bins[i]
                if before <= rank < before + bins[t]:  # one thread
                    found[0] = t
                    found[1] = rank - before
            cuda.syncthreads()
            prefix, rank = (prefix << 8) | found[0], np.int64(found[1])
    if t == 0:
        out[cuda.blockIdx.x] = prefix


def medians(
    first: torch.Tensor, second: torch.Tensor, count: torch.Tensor, columns: tuple[int, int]
) -> torch.Tensor:
    """Return the lower medians, (2,), of the first `count` (1,) rows of positive floats in one
    column of each of two tensors (n, k); 0 of none. Nothing is read back.
    """
    check_array("first", first, "float32", (None, None))
    check_array("second", second, "float32", (first.shape[0], None))
    check_array("count", count, "int32", (1,))
    # positive floats are in the order of their bits
    out = empty((2,), torch.int32)
    launch(
        _select, 2, THREADS, first.view(torch.int32), columns[0], second.view(torch.int32),
        columns[1], count, out,
    )  # fmt: skip
    return out.view(torch.float32)
