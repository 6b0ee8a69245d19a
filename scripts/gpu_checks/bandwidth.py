"""The bandwidth that integration reaches, as a share of a copy's."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gpu_checks import timing
from gpu_checks.end_to_end import Emit
from gpu_checks.record import name_of
from gpu_checks.report import Row
from gpu_checks.staged import one_by_one, run_stages
from gpu_checks.timing import Clock, LaunchTimes, hooked
from kernels.cuda.arrays import to_host
from kernels.cuda.launch import IS_SIMULATED
from slam.config import Config
from slam.frame import Frame
from slam.geometry import Transform

VOXEL_BYTES = 8
IMAGE_BYTES = 4 + 4 + 12 / 16  # a pixel
SECTOR = 32  # bytes: the least that the device's memory reads or writes
INTEGRATE = "kernels.cuda.tsdf:_integrate"


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
    with one_by_one():
        _, map_, T_last = run_stages(config, frames[:-1], clock, watch.around)
        with hooked(watch.around):
            sector_bytes = changed_bytes(map_, frames[-1], T_last)
    num_blocks = statistics.median(watch.num_blocks)
    share = num_blocks / max(watch.num_blocks[-1], 1)
    moved = Traffic(num_blocks, share * sector_bytes, frames[0].depth_m.size)
    ms = statistics.median(watch.values_ms())
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
