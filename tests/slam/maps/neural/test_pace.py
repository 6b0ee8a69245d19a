"""Steps of training by the device's clock."""

import math
from collections.abc import Callable

import pytest

from slam.maps.neural.cuda.pace import Pace


class Device:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now_ms = 0.0

    def event(self) -> "Event":
        return Event(self)


class Event:
    def __init__(self, device: Device) -> None:
        self._device = device

    def record(self) -> None:
        self.at_ms = self._device.now_ms

    def elapsed_time(self, later: "Event") -> float:
        return later.at_ms - self.at_ms


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def frame(device: Device) -> Callable[[float, float, int, float], int]:
    pace = Pace(device.event)

    def run(fuse_ms: float, step_ms: float, most: int, budget_ms: float) -> int:
        pace.mark()
        device.now_ms += fuse_ms
        pace.mark()
        num_steps = pace.planned(most, budget_ms)
        device.now_ms += num_steps * step_ms
        pace.mark()
        pace.finish(num_steps)
        return num_steps

    return run


@pytest.mark.parametrize(
    ("budget_ms", "expected"),
    [(22.0, 3), (8.0, 2), (9.1, 3), (5.1, 1), (3.0, 1), (0.0, 1), (math.inf, 3)],
)
def test_as_many_steps_as_begin_in_time(frame, budget_ms, expected):
    """Fusing takes 5 ms and a step 2 ms."""
    assert frame(5.0, 2.0, 3, 0.0) == 3  # nothing is known yet
    assert frame(5.0, 2.0, 3, budget_ms) == expected


def test_no_step_more_than_there_may_be(frame):
    frame(1.0, 1.0, 2, 20.0)
    assert frame(1.0, 1.0, 0, 20.0) == 0
    assert frame(1.0, 1.0, 2, 20.0) == 2


def test_one_slow_frame_does_not_last(frame):
    frame(1.0, 500.0, 1, 20.0)  # kernels were compiled
    assert frame(1.0, 2.0, 3, 20.0) == 1
    assert frame(1.0, 2.0, 3, 20.0) == 3
