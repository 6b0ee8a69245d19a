"""Times of the stages of a frame, of every kernel, and of what a map is asked for now and then."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gpu_checks.bandwidth import measure_integration
from gpu_checks.end_to_end import Emit
from gpu_checks.report import Row
from gpu_checks.staged import NUM_FRAMES, num_warm_up, one_by_one, run_stages
from gpu_checks.timing import Clock, LaunchTimes, hooked, median_ms, new_clock
from gpu_checks.work import Workload, load_frames
from kernels.cuda.launch import IS_SIMULATED
from slam.camera import Camera
from slam.geometry import Transform
from slam.maps.base import Map

COPY_SHARE = 60.0  # %, of a copy's bandwidth: what integration is to reach at 5 mm
NUM_POINTS = 100 if IS_SIMULATED else 100_000
NUM_REQUESTS = 1 if IS_SIMULATED else 5
GRADIENTS = "kernels.cuda.field_step:_forward_backward"
TRAINING = ("kernels.cuda.field_step:", "kernels.cuda.field_update:", "kernels.cuda.rays:_sample")


def measure(workload: Workload, folder: Path, map_name: str, emit: Emit) -> None:
    """Measure the stages with graphs, then every launch without them."""
    frames, clock = load_frames(workload, folder, min(NUM_FRAMES, workload.num_frames)), new_clock()
    sizes_m = (workload.voxel_size_m, workload.fine_voxel_size_m) if map_name == "tsdf" else (None,)
    for voxel_size_m in sizes_m:
        what = "" if voxel_size_m is None else f" at {1e3 * voxel_size_m:g} mm"
        config = workload.config(map_name, voxel_size_m)
        run_stages(config, frames[:3], clock)  # compiles
        marks, map_, T_last = run_stages(config, frames, clock)
        section = f"{map_name}, stages{what}"
        for stage, ms in marks.medians_ms().items():
            note = "median of a frame, gaps between launches included"
            emit(Row(section, stage, ms, "ms", note=note))
        emit_requests(section, map_, frames[0].camera, T_last, clock, emit)
        del map_  # the next one asks for its memory
        times = LaunchTimes(clock)
        with one_by_one():
            run_stages(config, frames, clock, times.around)
        section = f"{map_name}, kernels{what}"
        num_measured = len(frames) - num_warm_up(len(frames))
        emit_kernels(section, times.values_ms(), num_measured, emit)
        if map_name == "neural":
            emit(training_step(section, times.values_ms()))
        else:
            target = COPY_SHARE if voxel_size_m == workload.fine_voxel_size_m else None
            measure_integration(what, config, frames, clock, target, emit)


def emit_requests(
    section: str, map_: Map, camera: Camera, T_world_camera: Transform, clock: Clock, emit: Emit
) -> None:
    """Report what a view, a query and a mesh take, with all that goes to the host and back."""
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (NUM_POINTS, 3)).astype(np.float32)
    requests: dict[str, Callable[[], object]] = {
        f"render {camera.width}x{camera.height}": lambda: map_.render(camera, T_world_camera),
        f"query of {NUM_POINTS} points": lambda: map_.query(points),
        "mesh": map_.mesh,
    }
    for what, request in requests.items():
        ms = median_ms(clock, request, NUM_REQUESTS, 1)
        times = LaunchTimes(clock)
        with hooked(times.around):
            request()
        alone_ms = sum(map(sum, times.values_ms().values()))
        alone = f"its kernels alone {alone_ms:.3g} ms" if alone_ms else "the host makes it"
        note = f"median of {NUM_REQUESTS}, download included; {alone}"
        emit(Row(section, what, ms, "ms", note=note))


def emit_kernels(
    section: str, values_ms: Mapping[str, Sequence[float]], num_frames: int, emit: Emit
) -> None:
    """Report the median of each kernel, those that take most of a frame first."""
    medians_ms = {name: statistics.median(values) for name, values in values_ms.items()}
    a_frame = {name: len(values) / num_frames for name, values in values_ms.items()}
    totals_ms = {name: medians_ms[name] * a_frame[name] for name in values_ms}
    for name in sorted(totals_ms, key=lambda name: -totals_ms[name]):
        note = f"{a_frame[name]:.1f} a frame, {1e3 * totals_ms[name]:.3g} us together"
        median_us = 1e3 * medians_ms[name]
        emit(Row(section, name.removeprefix("kernels.cuda."), median_us, "us", note=note))
    note = f"{sum(a_frame.values()):.0f} launches"
    emit(Row(section, "all of a frame", 1e3 * sum(totals_ms.values()), "us", note=note))


def training_step(section: str, values_ms: Mapping[str, Sequence[float]]) -> Row:
    """Return what one step of training takes on the device, all its kernels together."""
    parts_ms = {name: values for name, values in values_ms.items() if name.startswith(TRAINING)}
    num_steps = len(values_ms.get(GRADIENTS, ()))
    total_ms = sum(statistics.median(values) * len(values) for values in parts_ms.values())
    note = f"{len(parts_ms)} kernels, {num_steps} steps"
    return Row(section, "a training step", total_ms / max(num_steps, 1), "ms", note=note)
