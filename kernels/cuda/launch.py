"""Compiling CUDA kernels, and launching them on torch's tensors and torch's current stream."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numba import cuda

from kernels.dispatch import SIMULATES_CUDA

IS_SIMULATED = SIMULATES_CUDA
THREADS = 128  # a block, where the kernel does not say otherwise

# of a kernel that walks over a list whose length the device decides: half of an H200's threads, all
# of a smaller card's
STRIDED_BLOCKS = 2 if IS_SIMULATED else 1056

# fastmath as on the CPU; here it also makes divisions and roots approximate, to 2 units in the last
# place
kernel = cuda.jit(fastmath=True, cache=not IS_SIMULATED)
# A body that kernels here share. numba types it once and leaves inlining to the compiler behind it:
# where bodies call bodies, its own inlining takes minutes.
device = cuda.jit(device=True, fastmath=True)

# small launches are what one frame is made of
warnings.filterwarnings("ignore", message="Grid size .* will likely result in GPU")

# entered with every kernel and its arguments round a launch: tests compile what they saw, and the
# GPU check takes times
on_launch: Callable[[Any, tuple[Any, ...]], AbstractContextManager[None]] | None = None


def launch(kernel: Any, num_blocks: int, num_threads: int, *arguments: Any) -> None:
    """Launch a kernel; nothing happens for no blocks.

    Tensors, also those in (named) tuples, become arrays; ints become int32 and floats float32.
    """
    if num_blocks == 0:
        return
    converted = tuple(_argument(argument) for argument in arguments)
    with nullcontext() if on_launch is None else on_launch(kernel, converted):
        kernel[num_blocks, num_threads, _stream()](*converted)


def launch_over(kernel: Any, num_items: int, *arguments: Any, num_threads: int = THREADS) -> None:
    """Launch a kernel with at least one thread for each item."""
    launch(kernel, (num_items + num_threads - 1) // num_threads, num_threads, *arguments)


def _argument(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.numpy() if IS_SIMULATED else cuda.as_cuda_array(value, sync=False)
    if isinstance(value, tuple):
        items = map(_argument, value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, int):
        return np.int32(value)
    if isinstance(value, float):
        return np.float32(value)
    return value


def _stream() -> Any:
    handle = 0 if IS_SIMULATED else torch.cuda.current_stream().cuda_stream
    return _external(handle) if handle else 0


@lru_cache(maxsize=64)
def _external(handle: int) -> Any:
    return cuda.external_stream(handle)
