"""What a case is: fresh random inputs to an op, on a GPU or on the CPU, and to its definition.

A case is written once. `to_device` and `to_host` carry its arrays to the backend that is checked
and back: on the CPU they copy.
"""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from kernels.dispatch import SIMULATES_CUDA

Choice = TypeVar("Choice")
_is_on_gpu = ContextVar("is_on_gpu", default=True)  # where the case that runs now is


def to_device(value: Any) -> Any:
    """Return arrays, or a tuple (of tuples) of them, as others of their own where the op runs."""
    if _is_on_gpu.get():
        from kernels.cuda import arrays

        return arrays.to_device(value)
    if isinstance(value, tuple):
        items = map(to_device, value)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value.copy() if isinstance(value, np.ndarray) else value


def to_host(value: Any) -> Any:
    """Return what an op has returned as NumPy arrays."""
    if _is_on_gpu.get():
        from kernels.cuda import arrays

        return arrays.to_host(value)
    return to_device(value)


class Case:
    """One run of a check: its random numbers, and what did not agree."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.mismatches: list[str] = []
        self.num_comparisons = 0

    is_on_gpu = property(lambda self: _is_on_gpu.get())

    @staticmethod
    def pick(tiny: Choice, full: Choice, on_cpu: Choice | None = None) -> Choice:
        """Return the size for the simulator, which is slow, or that for a device; for the CPU
        another one where the definition is slow.
        """
        if on_cpu is not None and not _is_on_gpu.get():
            return on_cpu
        return tiny if SIMULATES_CUDA else full

    @staticmethod
    def limit(on_gpu: float, on_cpu: float) -> float:
        """Return a limit of rounding: on a GPU quotients and roots are off by 2 units more."""
        return on_gpu if _is_on_gpu.get() else on_cpu

    def counted(self, number: int) -> Any:
        """Return a number as ops take it that read it where they run."""
        return to_device(np.full(1, number, np.int32)) if _is_on_gpu.get() else number

    def equal(self, what: str, got: Any, wanted: Any) -> None:
        """Compare bit by bit."""
        self.close(what, got, wanted, 0.0)

    def close(
        self,
        what: str,
        got: Any,
        wanted: Any,
        tolerance: float,
        relative: float = 0.0,
        flips: float = 0.0,
        cap: float | np.ndarray | None = None,
    ) -> None:
        """Compare with |got - wanted| <= tolerance + relative |wanted|, but for a share `flips` of
        the elements: those that rounding moves over an edge, by no more than `cap`. NaN never
        agrees.
        """
        if flips and cap is None:
            raise ValueError(f"{what}: flips need a cap")
        self.num_comparisons += 1
        got, wanted = np.asarray(got), np.asarray(wanted)
        if got.shape != wanted.shape or got.dtype != wanted.dtype:
            self.mismatches.append(
                f"{what}: {got.dtype} {got.shape}, not {wanted.dtype} {wanted.shape}"
            )
            return
        error = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
        limit = tolerance + relative * np.abs(wanted.astype(np.float64))
        is_off = ~(error <= limit)
        is_far = ~(error <= np.maximum(limit, 0.0 if cap is None else cap))
        if is_far.any() or np.count_nonzero(is_off) > flips * got.size:
            self.mismatches.append(
                f"{what}: {np.count_nonzero(is_off)} of {got.size} elements are off, "
                f"{np.count_nonzero(is_far)} by more than the edge explains, "
                f"by up to {np.nanmax(error[is_off], initial=0.0):.3g}"
            )

    def true(self, what: str, is_true: bool) -> None:
        """Note a mismatch unless something holds."""
        self.num_comparisons += 1
        if not is_true:
            self.mismatches.append(what)


@dataclass(frozen=True)
class Result:
    """What became of a check."""

    name: str
    seconds: float
    num_comparisons: int
    mismatches: list[str] = field(default_factory=list)


CHECKS: dict[str, Callable[[Case], None]] = {}
CPU_CHECKS: dict[str, Callable[[Case], None]] = {}  # those of them that the CPU's ops pass, too


def check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Enter a case for all backends; its name is the function's."""
    CPU_CHECKS[function.__name__] = function
    return gpu_check(function)


def gpu_check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Enter a case of what only a GPU does; its name is the function's."""
    if function.__name__ in CHECKS:
        raise ValueError(f"two checks are named {function.__name__}")
    CHECKS[function.__name__] = function
    return function


def run_check(name: str, seed: int, is_on_gpu: bool = True) -> Result:
    """Run one case. An exception is a mismatch too."""
    case, start_s = Case(seed), time.perf_counter()
    token = _is_on_gpu.set(is_on_gpu)
    try:
        with _poisoned(is_on_gpu):
            CHECKS[name](case)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        case.mismatches.append(f"{type(error).__name__} in {where}: {error}")
    finally:
        _is_on_gpu.reset(token)
    if not case.num_comparisons and not case.mismatches:
        case.mismatches.append("nothing was compared")
    return Result(name, time.perf_counter() - start_s, case.num_comparisons, case.mismatches)


@contextmanager
def _poisoned(is_on_gpu: bool) -> Iterator[None]:
    """Let outputs on a GPU hold garbage until they are written."""
    if not is_on_gpu:
        yield
        return
    from kernels.cuda import arrays

    arrays.poisons = True
    try:
        yield
    finally:
        arrays.poisons = False
