"""Times and bandwidths of the GPU check, by clocks that are played."""

from inspect import signature
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gpu_checks import staged, timing
from gpu_checks.bandwidth import Traffic, changed_bytes
from gpu_checks.report import Row
from gpu_checks.stages import GRADIENTS, emit_kernels, training_step

from kernels.cuda import launch
from slam.tracking.aligner import Aligner


class StepClock:
    """A clock whose marks are one more than the last, or what is told."""

    def __init__(self, steps_ms: list[float]) -> None:
        self._steps_ms = iter(steps_ms)
        self._now_ms = 0.0
        self.num_occupied = 0

    def mark(self) -> float:
        self._now_ms += next(self._steps_ms)
        return self._now_ms

    def elapsed_ms(self, start: float, end: float) -> float:
        return end - start

    def occupy(self) -> None:
        self.num_occupied += 1


def test_median_leaves_the_warm_up_out():
    clock = StepClock([0, 900, 0, 2, 0, 4, 0, 30])  # from one mark to the next
    assert timing.median_ms(clock, lambda: None, repeats=3, warm_up=1) == 4


def test_launches_are_timed_by_kernel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timing, "name_of", lambda kernel: f"kernels.cuda.{kernel}")
    clock = StepClock([1, 5, 1, 7, 1, 6])
    times = timing.LaunchTimes(clock)
    for kernel in ("a", "b", "a"):
        with times.around(kernel, ()):
            pass
    assert times.values_ms() == {"kernels.cuda.a": [5, 6], "kernels.cuda.b": [7]}
    assert clock.num_occupied == 3
    rows: list[Row] = []
    emit_kernels("s", times.values_ms(), 1, rows.append)
    assert [row.what for row in rows] == ["a", "b", "all of a frame"]
    assert rows[-1].value == pytest.approx(18_000)  # us; a: 5.5, twice


def test_a_training_step_is_all_its_kernels():
    values_ms = {
        GRADIENTS: [9.0, 1.0, 2.0],
        "kernels.cuda.field_update:_adam": [9.0, *5 * [0.5]],
        "other:_kernel": [9.0],
    }
    assert training_step("s", values_ms).value == 2.0 + 2 * 0.5  # medians, two updates a step


@pytest.mark.parametrize("name", ["load", "align"])
def test_the_timed_aligner_takes_what_an_aligner_takes(name: str):
    wanted, timed = getattr(Aligner, name), getattr(staged.TimedAligner, name)
    assert list(signature(timed).parameters) == list(signature(wanted).parameters)


def test_stages_and_launches_of_the_warm_up_are_left_out(monkeypatch: pytest.MonkeyPatch):
    hooked = []

    def integrate(frame: int, T_world_camera: int) -> None:
        if launch.on_launch is not None:
            hooked.append(frame)

    tracker = SimpleNamespace(
        _aligner=None, track=lambda frame, _: SimpleNamespace(T_world_camera=frame)
    )
    parts = tracker, SimpleNamespace(integrate=integrate)
    monkeypatch.setattr(staged, "parts", lambda *_: parts)
    clock = StepClock([0, 100] * staged.WARM_UP_FRAMES + [0, 2, 0, 4])
    frames = list(range(staged.WARM_UP_FRAMES + 2))
    marks, _, T_last = staged.run_stages(None, frames, clock, lambda *_: None)
    assert marks.medians_ms() == {"integrate": 3}
    assert hooked == frames[-2:]
    assert T_last == frames[-1]


def test_first_launches_are_told_by_their_types(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timing, "name_of", str)
    first = timing.FirstLaunches()
    for array in (np.zeros(3), np.zeros(4), np.zeros((2, 2)), np.zeros(3, np.int32)):
        with first.around("kernel", (array, (array, 1.0))):
            pass
    assert len(first.seconds) == 3  # the second differs in nothing that a kernel is compiled for


def test_bytes_are_counted_by_sectors():
    voxels = tuple(torch.zeros(shape, dtype=dtype) for shape, dtype in (
        ((3, 512), torch.int16), ((3, 512), torch.uint16), ((3, 4, 512), torch.uint8)
    ))  # fmt: skip

    def integrate(frame: object, T_world_camera: object) -> None:
        voxels[0][1, 15:17] = 7  # two sectors
        voxels[1].view(torch.int16)[2, :16] = -1  # one
        voxels[2][0, :, 40] = 1  # one a channel

    map_ = SimpleNamespace(on_device=SimpleNamespace(voxels=voxels), integrate=integrate)
    assert changed_bytes(map_, None, None) == 7 * 32
    assert Traffic(1.0, 4096.0, 0).changed_bytes == Traffic(1.0, 0.0, 0).whole_bytes == 2 * 4096
