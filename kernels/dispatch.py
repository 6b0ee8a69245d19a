"""Which implementation of an op runs: the arrays choose, `using` overrides."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

SIMULATES_CUDA = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"  # then the host is the device
_forced: ContextVar[str | None] = ContextVar("forced_backend", default=None)


@contextlib.contextmanager
def using(backend: str) -> Iterator[None]:
    """Force a backend ("reference", "cpu" or "cuda") for the ops called inside."""
    token = _forced.set(backend)
    try:
        yield
    finally:
        _forced.reset(token)


def implementation(module: str, array: Any) -> ModuleType:
    """Return `kernels.<backend>.<module>`: "cpu" for numpy arrays, "cuda" for tensors on a GPU."""
    backend = _forced.get() or _backend_of(array)
    name = f"kernels.{backend}.{module}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # something else is missing
            raise
        raise TypeError(f"kernels.{module} has no {backend} version") from error


def _backend_of(array: Any) -> str:
    if isinstance(array, np.ndarray):
        return "cpu"
    # torch is not imported for it: a tensor brings it along
    if type(array).__module__ == "torch" and (array.is_cuda or SIMULATES_CUDA):
        return "cuda"
    raise TypeError(f"expected a NumPy array or a tensor on a GPU, got {type(array).__name__}")


_dtype = cache(np.dtype)


def check_array(name: str, array: Any, dtype: str, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless an array is C-contiguous with this dtype and shape (None = any
    length).
    """
    is_numpy = isinstance(array, np.ndarray)
    # not by name: NumPy takes microseconds to write one, and a frame has 150 arrays checked
    fits = array.dtype == _dtype(dtype) if is_numpy else str(array.dtype) == f"torch.{dtype}"
    fits = fits and len(array.shape) == len(shape)
    if fits and array.shape != shape:
        fits = all(w is None or have == w for have, w in zip(array.shape, shape, strict=True))
    if not fits:
        found = str(array.dtype).removeprefix("torch.")
        wanted = ", ".join("*" if want is None else str(want) for want in shape)
        raise ValueError(f"{name} must be {dtype} ({wanted}), got {found} {tuple(array.shape)}")
    if not (array.flags.c_contiguous if is_numpy else array.is_contiguous()):
        raise ValueError(f"{name} must be C-contiguous")
