"""What a check is: fresh random inputs to an op on the device and to its definition."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from kernels.cuda import arrays
from kernels.cuda.launch import IS_SIMULATED

Choice = TypeVar("Choice")


class Case:
    """One run of a check: its random numbers, and what did not agree."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.mismatches: list[str] = []
        self.num_comparisons = 0

    @staticmethod
    def pick(tiny: Choice, full: Choice) -> Choice:
        """Return the size for the simulator, which runs some thousand threads a second, or that
        for a device.
        """
        return tiny if IS_SIMULATED else full

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


def check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Enter a check; its name is the function's."""
    if function.__name__ in CHECKS:
        raise ValueError(f"two checks are named {function.__name__}")
    CHECKS[function.__name__] = function
    return function


def run_check(name: str, seed: int) -> Result:
    """Run one check. An exception is a mismatch too."""
    case, start_s = Case(seed), time.perf_counter()
    arrays.poisons = True
    try:
        CHECKS[name](case)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        case.mismatches.append(f"{type(error).__name__} in {where}: {error}")
    finally:
        arrays.poisons = False
    if not case.num_comparisons and not case.mismatches:
        case.mismatches.append("nothing was compared")
    return Result(name, time.perf_counter() - start_s, case.num_comparisons, case.mismatches)
