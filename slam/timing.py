"""Stage times of a run."""

import contextlib
import time
from collections.abc import Iterator

import numpy as np


class StageTimes:
    """Collects the milliseconds of one stage."""

    def __init__(self) -> None:
        self.values_ms: list[float] = []

    @contextlib.contextmanager
    def measure(self) -> Iterator[None]:
        """Time a block."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.values_ms.append(1e3 * (time.perf_counter() - start_s))

    def summary(self) -> dict[str, float]:
        """Return p50, p95 and max; empty before the first value."""
        if not self.values_ms:
            return {}
        p50, p95, largest = np.percentile(self.values_ms, [50, 95, 100])
        return {"p50": float(p50), "p95": float(p95), "max": float(largest)}
