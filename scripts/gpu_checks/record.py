"""Which kernels are launched with which types of arguments: to compile them without a device."""

import sys
from typing import Any

import numba

from kernels.cuda import launch

Seen = dict[str, set[tuple[Any, ...]]]  # "module:kernel" to types of its arguments


def record() -> Seen:
    """From now on note every launch in what is returned."""
    seen: Seen = {}

    def note(kernel: Any, arguments: tuple[Any, ...]) -> None:
        types = tuple(numba.typeof(argument) for argument in arguments)
        seen.setdefault(_name(kernel), set()).add(types)

    launch.on_launch = note
    return seen


def _name(kernel: Any) -> str:
    """Return "module:name" of a kernel, by the name that its module gives it."""
    module = kernel.fn.__module__ if hasattr(kernel, "fn") else kernel.py_func.__module__
    names = [name for name, value in vars(sys.modules[module]).items() if value is kernel]
    if not names:
        raise ValueError(f"{kernel} is not a global of {module}")
    return f"{module}:{names[0]}"
