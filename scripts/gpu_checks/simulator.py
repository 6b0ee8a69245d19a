"""numba's simulator, made several times faster.

It gives each thread of a block a thread of Python, which wait for each other in a busy loop, puts
the simulated `cuda` into a module anew for each call of a device function, wraps each array twice,
and reads the whole stack for each shared one. Here the threads of a block are greenlets that take
turns from barrier to barrier, each time in another order, so that a missing barrier shows; a module
is changed once a launch; and kernels see NumPy's own arrays.
"""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from greenlet import getcurrent, greenlet
from numba import cuda
from numba.cuda.simulator import kernel, kernelapi

_changed: dict[int, dict[str, Any]] = {}  # globals of modules that see the simulated `cuda` now
_orders = random.Random(1)


def install() -> None:
    """Replace the simulator's threads, change of modules and arrays."""
    kernelapi.FakeCUDAShared.array = _shared_array
    kernelapi.threading = SimpleNamespace(current_thread=getcurrent)
    kernel.BlockManager = _Block
    kernel.swapped_cuda_module = _in_simulation
    kernel.FakeWithinKernelCUDAArray = lambda array: array._ary
    kernel.FakeCUDAKernel.__call__ = _call(kernel.FakeCUDAKernel.__call__)


class _Thread(greenlet):
    """A thread of a block: what kernels ask of numba's own, in turns."""

    syncthreads_count = kernel.BlockThread.syncthreads_count
    syncthreads_and = kernel.BlockThread.syncthreads_and
    syncthreads_or = kernel.BlockThread.syncthreads_or

    def __init__(self, run: Callable[..., None], manager: "_Block", block: kernel.Dim3, index: int):
        super().__init__(run)
        x, y, _ = manager.block_dim
        self.blockIdx = block
        self.threadIdx = kernel.Dim3(index % x, index // x % y, index // (x * y))
        self.thread_id = index
        self._manager = manager

    def syncthreads(self) -> None:
        self.parent.switch()


class _Block:
    def __init__(self, f: Callable[..., None], grid_dim: Any, block_dim: Any, debug: bool):
        self.block_dim = block_dim
        self.block_state = np.zeros(block_dim, dtype=np.bool_)
        self._f = f

    def run(self, grid_point: tuple[int, int, int], *arguments: Any) -> None:
        """Run all threads up to a barrier or their end, again and again until all have ended."""
        block = kernel.Dim3(*grid_point)
        count = self.block_state.size
        threads = [_Thread(self._f, self, block, index) for index in range(count)]
        self._take_turns(threads, *arguments)
        while threads := [thread for thread in threads if not thread.dead]:
            self._take_turns(threads)

    def _take_turns(self, threads: list[_Thread], *arguments: Any) -> None:
        _orders.shuffle(threads)
        for thread in threads:
            thread.switch(*arguments)


def _shared_array(memory: kernelapi.FakeCUDAShared, shape: Any, dtype: Any) -> np.ndarray:
    """Return the array of the line that asks, which is the same for all threads of a block."""
    caller = sys._getframe(1)
    place = caller.f_code, caller.f_lineno
    if place not in memory._allocations:
        is_numba = isinstance(dtype, kernelapi.types.Type)
        kind = kernelapi.numpy_support.as_dtype(dtype) if is_numba else dtype
        memory._allocations[place] = np.empty(shape, kind)
    return memory._allocations[place]


def _call(launch: Callable[..., None]) -> Callable[..., Any]:
    """Return what calls a device function, and leaves launches to numba."""

    def call(function: Any, *arguments: Any) -> Any:
        if kernel._kernel_context is None:
            return launch(function, *arguments)
        _change(function.fn.__globals__)
        return function.fn(*arguments)

    return call


@contextmanager
def _in_simulation(fn: Callable[..., None], _: Any) -> Iterator[None]:
    """Let the kernel's module see the simulated `cuda`; at the end all modules get theirs back."""
    _change(fn.__globals__)
    try:
        yield
    finally:
        while _changed:
            _replace(_changed.popitem()[1], kernel._kernel_context, cuda)


def _change(module: dict[str, Any]) -> None:
    if id(module) not in _changed:
        _changed[id(module)] = module
        _replace(module, cuda, kernel._kernel_context)


def _replace(module: dict[str, Any], old: Any, new: Any) -> None:
    module.update({name: new for name, value in module.items() if value is old})
