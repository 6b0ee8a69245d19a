"""Which kernels are launched with which types of arguments: to compile them without a device."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba

from kernels.cuda import launch

Seen = dict[str, set[tuple[Any, ...]]]  # "module:kernel" to types of its arguments


def record() -> Seen:
    """From now on note every launch in what is returned."""
    seen: Seen = {}

    @contextmanager
    def note(kernel: Any, arguments: tuple[Any, ...]) -> Iterator[None]:
        types = tuple(numba.typeof(argument) for argument in arguments)
        seen.setdefault(name_of(kernel), set()).add(types)
        yield

    launch.on_launch = note
    return seen


def name_of(kernel: Any) -> str:
    """Return "module:name" of a kernel, by the name that its module gives it."""
    module = kernel.fn.__module__ if hasattr(kernel, "fn") else kernel.py_func.__module__
    names = [name for name, value in vars(sys.modules[module]).items() if value is kernel]
    if not names:
        raise ValueError(f"{kernel} is not a global of {module}")
    return f"{module}:{names[0]}"
