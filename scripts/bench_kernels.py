#!/usr/bin/env python3
"""Time every public kernel op on the arguments that it gets in a run through the synthetic room.

The run (640x480, 1 cm voxels) records the largest call of each op; then each is repeated on its
own, with one thread and with all. Times are medians. A commit that calls something faster cites
this table from before and after it, with the command:

    scripts/bench_kernels.py [--only PART_OF_A_NAME] [--seconds 0.5]
"""

import argparse
import importlib
import inspect
import pkgutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numba
import numpy as np

import kernels
from kernels import blocks as block_ops
from kernels import register, undistort
from kernels.lens import NO_DISTORTION
from kernels.register import ColorCamera
from slam.bench.machine import machine
from slam.bench.table import aligned
from slam.config import TrackingConfig, TsdfConfig
from slam.maps.tsdf.map import TsdfMap
from slam.sources.synthetic import open_synthetic
from slam.tracking.factory import dense_tracker

Arguments = dict[str, Any]
MIN_REPEATS = 5
# What an op's time is divided by; if not named here, its points, the pixels of its image, or the
# elements of its largest array.
UNITS: dict[str, tuple[str, Callable[[Arguments], int]]] = {
    "integrate": ("voxel", lambda a: 512 * len(a["visible"])),
    "extract_mesh": ("voxel", lambda a: 512 * len(a["slots"])),
    "raycast": ("ray", lambda a: a["image_size"][0] * a["image_size"][1]),
    "render_scene": ("ray", lambda a: a["width"] * a["height"]),
    "touch_band": ("ray", lambda a: a["depth_m"].size // a["stride"] ** 2),
    "touch_free": ("ray", lambda a: a["depth_m"].size // a["stride"] ** 2),
    "insert_blocks": ("block", lambda a: len(a["coords"])),
    "find_blocks": ("block", lambda a: len(a["coords"])),
}
# These change what decides their own cost, so their arguments are put back before each repeat.
RESTORED = ("insert_blocks", "touch_band", "touch_free")


class Recorder:
    """Stands in for an op and keeps the arguments of its largest call."""

    def __init__(self, op: FunctionType) -> None:
        self.op = op
        self.arguments: Arguments = {}
        self.before: list[np.ndarray] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the op; of calls of the same size the last is kept."""
        bound = inspect.signature(self.op).bind(*args, **kwargs).arguments
        if not self.arguments or count(self.op, bound)[1] >= count(self.op, self.arguments)[1]:
            self.arguments = bound
            if self.op.__name__ in RESTORED:
                self.before = [array.copy() for array in arrays(bound.values())]
        return self.op(*args, **kwargs)

    def median_ms(self, seconds: float) -> float:
        """Repeat the call for so long, and at least `MIN_REPEATS` times."""
        times_ms: list[float] = []
        end_s = time.perf_counter() + seconds
        while len(times_ms) <= MIN_REPEATS or time.perf_counter() < end_s:
            for array, before in zip(arrays(self.arguments.values()), self.before, strict=False):
                np.copyto(array, before)
            start_s = time.perf_counter()
            self.op(**self.arguments)
            times_ms.append(1e3 * (time.perf_counter() - start_s))
        return float(np.median(times_ms[1:]))  # the first one fills the caches


def count(op: FunctionType, arguments: Arguments) -> tuple[str, int]:
    """Return in what an op's work is counted, and how much of it a call does."""
    if op.__name__ in UNITS:
        unit, number = UNITS[op.__name__]
        return unit, number(arguments)
    if "points" in arguments:
        return "point", len(arguments["points"])
    for name in ("depth_m", "color"):
        if name in arguments:
            return "pixel", arguments[name].shape[0] * arguments[name].shape[1]
    return "element", max((array.size for array in arrays(arguments.values())), default=1)


def arrays(values: Iterable[Any]) -> Iterator[np.ndarray]:
    """Yield the arrays among arguments, also those in named tuples."""
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, tuple):
            yield from arrays(value)


def public_ops() -> Iterator[FunctionType]:
    """Yield every function of `kernels` that dispatches to an implementation."""
    for info in pkgutil.iter_modules(kernels.__path__):
        module = importlib.import_module(f"kernels.{info.name}")
        for op in vars(module).values():
            is_own = isinstance(op, FunctionType) and op.__module__ == module.__name__
            if (
                is_own
                and not op.__name__.startswith("_")
                and "implementation" in op.__code__.co_names
            ):
                yield op


def record(num_frames: int) -> list[Recorder]:
    """Put a recorder in the place of every op, wherever it was imported, and run the system."""
    recorders = {op: Recorder(op) for op in public_ops()}
    for name, module in list(sys.modules.items()):
        if name.startswith(("kernels.", "slam.")):
            for key, value in list(vars(module).items()):
                if isinstance(value, FunctionType) and value in recorders:
                    setattr(module, key, recorders[value])
    run_workload(num_frames)
    return [recorder for recorder in recorders.values() if recorder.arguments]


def run_workload(num_frames: int) -> None:
    """Track and map the room's first frames with both geometric residuals; then use the map."""
    source = open_synthetic("room", num_frames)
    map_ = TsdfMap(TsdfConfig(), source.depth_noise)
    trackers = [dense_tracker(TrackingConfig(geometry=name)) for name in ("projective", "sdf")]
    T_world_camera = np.eye(4)
    for index in range(num_frames):
        frame = source.read(index)
        for tracker in trackers:
            T_world_camera = tracker.track(frame, map_).T_world_camera
        map_.integrate(frame, T_world_camera)
    rendering = map_.render(source.camera, T_world_camera)
    mesh = map_.mesh()
    source.scene.sdf(mesh.vertices_m)
    coords = np.unique((mesh.vertices_m / 0.08).astype(np.int32), axis=0)
    index = block_ops.new_index(2 * len(coords))
    block_ops.insert_blocks(index, coords)
    block_ops.find_blocks(index, coords)
    frame = source.read(0)
    T_color_depth = np.eye(4, dtype=np.float32)[:3].copy()
    T_color_depth[0, 3] = 0.015  # as far apart as those of a RealSense D435
    lens = ColorCamera(source.camera.intrinsics, NO_DISTORTION, T_color_depth)
    register.register_color(frame.color, frame.depth_m, source.camera.intrinsics, lens)
    distortion = NO_DISTORTION.copy()
    distortion[:5] = 0.26, -0.95, -0.005, 0.003, 1.16  # a Kinect's
    table = undistort.undistortion_table(frame.depth_m.shape, source.camera.intrinsics, distortion)
    undistort.undistort_color(frame.color, table)
    undistort.undistort_depth(frame.depth_m, table)
    assert (rendering.depth_m > 0).mean() > 0.5, "the workload lost its map"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time every public kernel op.")
    parser.add_argument("--only", default="", help="part of an op's name")
    parser.add_argument("--seconds", type=float, default=0.5, help="an op and thread count")
    parser.add_argument("--frames", type=int, default=10, help="of the recorded run")
    options = parser.parse_args()
    about = machine()
    recorders = record(options.frames)
    all_threads = numba.get_num_threads()
    rows = [["op", "size", "", "1 thread ms", "ns each", f"{all_threads} threads ms", "ns each"]]
    for recorder in recorders:
        module, name = recorder.op.__module__.removeprefix("kernels."), recorder.op.__name__
        if options.only not in f"{module}.{name}":
            continue
        unit, number = count(recorder.op, recorder.arguments)
        row = [f"{module}.{name}", str(number), unit]
        for threads in (1, all_threads):
            numba.set_num_threads(threads)
            ms = recorder.median_ms(options.seconds)
            row += [f"{ms:.3f}", f"{1e6 * ms / max(number, 1):.2f}"]
        rows.append(row)
    print(f"{about['cpu']}, {about['cores']} cores, numba {about['versions']['numba']}")
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    main()
