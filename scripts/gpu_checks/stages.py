"""Times of the stages of a frame and of every kernel, and the bandwidth of integration."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_checks import timing
from gpu_checks.end_to_end import Emit
from gpu_checks.record import name_of
from gpu_checks.report import Row
from gpu_checks.systems import parts
from gpu_checks.timing import Clock, LaunchTimes, hooked, new_clock
from gpu_checks.work import Workload, load_frames
from kernels.cuda import graph
from kernels.cuda.arrays import to_host
from kernels.cuda.launch import IS_SIMULATED
from slam.config import Config
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map

WARM_UP_FRAMES = 10
NUM_FRAMES = 50
COPY_SHARE = 60.0  # %, of a copy's bandwidth: what integration is to reach at 5 mm
VOXEL_BYTES = 8
IMAGE_BYTES = 4 + 4 + 12 / 16  # a pixel
SECTOR = 32  # bytes: the least that the device's memory reads or writes
INTEGRATE = "kernels.cuda.tsdf:_integrate"
GRADIENTS = "kernels.cuda.field_step:_forward_backward"
TRAINING = ("kernels.cuda.field_step:", "kernels.cuda.field_update:", "kernels.cuda.rays:_sample")


class TimedAligner:
    """Stands in for the tracker's aligner and marks the begin and the end of what it does."""

    def __init__(self, aligner: Any, stages: "StageMarks") -> None:
        self._aligner = aligner
        self._stages = stages

    def load(self, frame: Frame) -> None:
        with self._stages.measure("prepare"):
            self._aligner.load(frame)

    def align(self, map_: Map, T_start: Any) -> Any:
        with self._stages.measure("align"):
            return self._aligner.align(map_, T_start)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aligner, name)


class StageMarks:
    """Marks round the stages of every frame."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marks: dict[str, list[tuple[Any, Any]]] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Mark begin and end of a stage."""
        start = self._clock.mark()
        yield
        self._marks.setdefault(stage, []).append((start, self._clock.mark()))

    def medians_ms(self, warm_up: int) -> dict[str, float]:
        """Return the median of each stage, without its first times."""
        return {
            stage: statistics.median(
                self._clock.elapsed_ms(start, end) for start, end in _after(marks, warm_up)
            )
            for stage, marks in self._marks.items()
        }


def _after(values: Sequence[Any], warm_up: int) -> Sequence[Any]:
    return values[min(warm_up, len(values) - 1) :]


def run_stages(
    config: Config, frames: Sequence[Frame], clock: Clock
) -> tuple[StageMarks, Map, Transform]:
    """Run tracker and map in one thread, one stage after the other; return the last pose, too."""
    marks = StageMarks(clock)
    tracker, map_ = parts(config, frames[0], "cuda")
    tracker._aligner = TimedAligner(tracker._aligner, marks)  # pyright: ignore
    T_world_camera = np.eye(4)
    for frame in frames:
        T_world_camera = tracker.track(frame, map_).T_world_camera
        with marks.measure("integrate"):
            map_.integrate(frame, T_world_camera)
    return marks, map_, T_world_camera


def measure(workload: Workload, folder: Path, map_name: str, emit: Emit) -> None:
    """Measure the stages with graphs, then every launch without them."""
    frames, clock = load_frames(workload, folder, min(NUM_FRAMES, workload.num_frames)), new_clock()
    sizes_m = (workload.voxel_size_m, workload.fine_voxel_size_m) if map_name == "tsdf" else (None,)
    for voxel_size_m in sizes_m:
        what = "" if voxel_size_m is None else f" at {1e3 * voxel_size_m:g} mm"
        config = workload.config(map_name, voxel_size_m)
        run_stages(config, frames[:3], clock)  # compiles
        marks, *_ = run_stages(config, frames, clock)
        for stage, ms in marks.medians_ms(WARM_UP_FRAMES).items():
            note = "median of a frame, gaps between launches included"
            emit(Row(f"{map_name}, stages{what}", stage, ms, "ms", note=note))
        times = LaunchTimes(clock)
        with one_by_one(), hooked(times.around):
            run_stages(config, frames, clock)
        emit_kernels(f"{map_name}, kernels{what}", times.values_ms(), len(frames), emit)
        if map_name == "neural":
            emit(training_step(times.values_ms()))
        else:
            target = COPY_SHARE if voxel_size_m == workload.fine_voxel_size_m else None
            measure_integration(what, config, frames, clock, target, emit)


@contextmanager
def one_by_one() -> Iterator[None]:
    """Launch one by one what graphs would replay."""
    graph.replays = False
    try:
        yield
    finally:
        graph.replays = not IS_SIMULATED


def emit_kernels(
    section: str, values_ms: Mapping[str, Sequence[float]], num_frames: int, emit: Emit
) -> None:
    """Report the median of each kernel, those that take most of a frame first."""
    totals_ms = {name: sum(values) / num_frames for name, values in values_ms.items()}
    for name in sorted(totals_ms, key=lambda name: -totals_ms[name]):
        values = values_ms[name]
        median_us = 1e3 * statistics.median(_after(values, WARM_UP_FRAMES))
        note = f"{len(values) / num_frames:.1f} a frame, {1e3 * totals_ms[name]:.3g} us together"
        emit(Row(section, name.removeprefix("kernels.cuda."), median_us, "us", note=note))
    launches = sum(map(len, values_ms.values())) / num_frames
    note = f"{launches:.0f} launches"
    emit(Row(section, "all of a frame", 1e3 * sum(totals_ms.values()), "us", note=note))


def training_step(values_ms: Mapping[str, Sequence[float]]) -> Row:
    """Return what one step of training takes on the device, all its kernels together."""
    parts_ms = {name: values for name, values in values_ms.items() if name.startswith(TRAINING)}
    num_steps = len(values_ms.get(GRADIENTS, ()))
    total_ms = sum(map(sum, parts_ms.values()))
    note = f"{len(parts_ms)} kernels, {num_steps} steps"
    return Row("neural, stages", "a training step", total_ms / max(num_steps, 1), "ms", note=note)


class IntegrationWatch:
    """Times the launches of integration and notes how many blocks each was given."""

    def __init__(self, clock: Clock) -> None:
        self._times = LaunchTimes(clock)
        self.num_blocks: list[int] = []

    @contextmanager
    def around(self, kernel: Any, arguments: tuple[Any, ...]) -> Iterator[None]:
        """Watch one launch: the hook `kernels.cuda.launch.on_launch`."""
        if not name_of(kernel).startswith(INTEGRATE):
            yield
            return
        names = _function(kernel).__code__.co_varnames
        given = arguments[names.index("num_visible")]
        self.num_blocks.append(int(np.asarray(to_host(torch.as_tensor(given)))[0]))
        with self._times.around(kernel, arguments):
            yield

    def values_ms(self) -> list[float]:
        """Return the times of the launches."""
        (values,) = self._times.values_ms().values()
        return values


def _function(kernel: Any) -> Any:
    return kernel.fn if hasattr(kernel, "fn") else kernel.py_func


def measure_integration(
    what: str,
    config: Config,
    frames: Sequence[Frame],
    clock: Clock,
    target: float | None,
    emit: Emit,
) -> None:
    """Report the bandwidth of integration, as a share of a copy's."""
    section = f"tsdf, integration{what}"
    watch = IntegrationWatch(clock)
    with one_by_one(), hooked(watch.around):
        _, map_, T_last = run_stages(config, frames[:-1], clock)
        sector_bytes = changed_bytes(map_, frames[-1], T_last)
    num_blocks = statistics.median(_after(watch.num_blocks, WARM_UP_FRAMES))
    share = num_blocks / max(watch.num_blocks[-1], 1)
    moved = Traffic(num_blocks, share * sector_bytes, frames[0].depth_m.size)
    ms = statistics.median(_after(watch.values_ms(), WARM_UP_FRAMES))
    emit(Row(section, "blocks a frame", num_blocks, note="median"))
    emit(Row(section, "integrate", 1e3 * ms, "us"))
    copied = timing.copy_bandwidth(clock, 1 << (12 if IS_SIMULATED else 30))
    emit(Row(section, "copy on the device", 1e-9 * copied, "GB/s", note="bytes read and written"))
    changed, whole = 1e3 * moved.changed_bytes / ms, 1e3 * moved.whole_bytes / ms
    note = f"{1e-6 * moved.changed_bytes:.3g} MB: sectors that change, read and written; images"
    emit(Row(section, "bandwidth", 1e-9 * changed, "GB/s", note=note))
    emit(Row(section, "its share of the copy's", 100.0 * changed / copied, "%",
             target=target, is_floor=True))  # fmt: skip
    note = f"{1e-6 * moved.whole_bytes:.3g} MB"
    emit(Row(section, "share, as if all blocks were", 100.0 * whole / copied, "%", note=note))


@dataclass(frozen=True)
class Traffic:
    """What integrating a frame moves."""

    num_blocks: float  # listed
    sector_bytes: float  # of their sectors that change
    num_pixels: int

    @property
    def changed_bytes(self) -> float:
        """Sectors that change, read and written; reading, colour and normal of every pixel."""
        return 2.0 * self.sector_bytes + IMAGE_BYTES * self.num_pixels

    @property
    def whole_bytes(self) -> float:
        """As if every voxel of the listed blocks was read and written."""
        return 2.0 * VOXEL_BYTES * 512.0 * self.num_blocks + IMAGE_BYTES * self.num_pixels


def changed_bytes(map_: Any, frame: Frame, T_world_camera: Transform) -> int:
    """Integrate a frame; return the bytes of the sectors, 32 bytes each, that hold a change: the
    device reads and writes no less than a sector.
    """
    voxels = [part.view(torch.uint8).flatten(1) for part in map_.on_device.voxels]
    before = [part.clone() for part in voxels]
    map_.integrate(frame, T_world_camera)
    return sum(
        SECTOR * int((now != then).view(len(now), -1, SECTOR).any(dim=2).sum())
        for now, then in zip(voxels, before, strict=True)
    )
