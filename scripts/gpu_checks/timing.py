"""Times on the device by CUDA events, and those of every launch in a run."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import torch

from gpu_checks.record import name_of
from kernels.cuda import launch

Hook = Callable[[Any, tuple[Any, ...]], AbstractContextManager[None]]  # kernel and arguments
SPIN_CYCLES = 3_000_000  # 1.5 ms: longer than the host needs for one launch, of 40 arrays too


class Clock(Protocol):
    """Takes the time between two marks on the current stream."""

    def mark(self) -> Any:
        """Enqueue a mark."""
        ...

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Wait for two marks; return the time between them."""
        ...

    def occupy(self) -> None:
        """Keep the device busy until the host has enqueued what comes next."""
        ...


class EventClock:
    """CUDA events."""

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def elapsed_ms(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        end.synchronize()
        return start.elapsed_time(end)

    def occupy(self) -> None:
        torch.cuda._sleep(SPIN_CYCLES)


class HostClock:
    """The host's clock: for the simulator, which runs a launch to its end."""

    def mark(self) -> float:
        return time.perf_counter()

    def elapsed_ms(self, start: float, end: float) -> float:
        return 1e3 * (end - start)

    def occupy(self) -> None:
        pass


def new_clock() -> Clock:
    return HostClock() if launch.IS_SIMULATED else EventClock()


def median_ms(
    clock: Clock, function: Callable[[], object], repeats: int = 20, warm_up: int = 3
) -> float:
    """Run a function so many times and return the median of its times after the warm-up."""
    values_ms = []
    for _ in range(warm_up + repeats):
        start = clock.mark()
        function()
        values_ms.append(clock.elapsed_ms(start, clock.mark()))
    return statistics.median(values_ms[warm_up:])


class LaunchTimes:
    """The time of every launch, by kernel, without what the host needs between them.

    Before each launch the device is kept busy, so that marks and launch lie in its queue when it
    comes to them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marks: dict[str, list[tuple[Any, Any]]] = {}

    @contextmanager
    def around(self, kernel: Any, arguments: tuple[Any, ...]) -> Iterator[None]:
        """Time one launch: the hook `kernels.cuda.launch.on_launch`."""
        self._clock.occupy()
        start = self._clock.mark()
        yield
        end = self._clock.mark()
        self._marks.setdefault(name_of(kernel), []).append((start, end))

    def values_ms(self) -> dict[str, list[float]]:
        """Return the times of each kernel, in the order of its launches."""
        return {
            name: [self._clock.elapsed_ms(start, end) for start, end in marks]
            for name, marks in self._marks.items()
        }


class FirstLaunches:
    """What the first launch of each kernel with new types takes on the host: compiling it, or
    loading it from the cache of an earlier run.
    """

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = {}

    @contextmanager
    def around(self, kernel: Any, arguments: tuple[Any, ...]) -> Iterator[None]:
        """Time one launch if it is a first: the hook `kernels.cuda.launch.on_launch`."""
        key = name_of(kernel), str([_type(argument) for argument in arguments])
        start_s = time.perf_counter()
        yield
        self.seconds.setdefault(key, time.perf_counter() - start_s)


def _type(value: Any) -> Any:
    if isinstance(value, tuple):
        return type(value).__name__, *map(_type, value)
    return str(getattr(value, "dtype", type(value).__name__)), getattr(value, "ndim", 0)


@contextmanager
def hooked(hook: Hook | None) -> Iterator[None]:
    """Enter a hook, or none, at every launch inside."""
    before, launch.on_launch = launch.on_launch, hook
    try:
        yield
    finally:
        launch.on_launch = before


def copy_bandwidth(clock: Clock, num_bytes: int = 1 << 30) -> float:
    """Return the bytes that a copy on the device reads and writes, a second."""
    from kernels.cuda.arrays import empty

    source, target = empty((num_bytes,), torch.uint8), empty((num_bytes,), torch.uint8)
    source.zero_()
    return 2e3 * num_bytes / median_ms(clock, lambda: target.copy_(source))
