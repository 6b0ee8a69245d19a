"""The storage of the neural field on a GPU: four levels of sparse blocks, reserved at once."""

from typing import Any

import numpy as np
import torch

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.cuda.arrays import full, to_device, to_host, zeros
from kernels.field import RECORD, Decoders, Field, Level
from slam.config import NeuralConfig
from slam.errors import SlamError
from slam.gpu.counters import Report
from slam.gpu.memory import granted_bytes, reserving
from slam.maps.neural.grid import BLOCK_BYTES, FINE_BLOCK_BYTES, Grid, capacities
from slam.maps.neural.neural_file import LEVELS

# what a block takes beyond its share of the host's memory: marks of 4 bytes, its stamp, its place
# in a list, two to four entries of the table, and the colours of the mean, which nothing uses
MORE_BYTES = 512 * 3 + 8 + 48
MORE_FINE_BYTES = MORE_BYTES + 512 * 4


class DeviceLevel:
    """A level, with the stamps of its blocks and a list of those that a frame meets. It never moves
    and never grows: captured launches go on with it.
    """

    def __init__(self, spacing_m: float, capacity: int) -> None:
        index = to_device(block_ops.new_index(capacity))
        vertices: Any = zeros((capacity, 512, RECORD), torch.float32)
        marks: Any = zeros((capacity, 512), torch.int32)
        self.level: Any = Level(index, vertices, marks, np.float32(spacing_m))
        self.capacity = capacity
        self.stamps: Any = full((capacity,), -1, torch.int32)
        self.visible: Any = full((capacity,), -1, torch.int32)

    @property
    def block_size_m(self) -> float:
        return 8.0 * float(self.level.spacing_m)


class DeviceGrid:
    """Coarse, middle, fine and colour level, the fused mean distance at the fine vertices, and the
    decoders.
    """

    def __init__(self, config: NeuralConfig, decoders: Decoders) -> None:
        granted = granted_bytes(config.budget_mb * 10**6)
        most = capacities(granted, MORE_BYTES, MORE_FINE_BYTES)
        with reserving(granted, "--neural.budget-mb"):
            self.coarse = DeviceLevel(config.coarse_spacing_m, most["coarse"])
            self.middle = DeviceLevel(config.middle_spacing_m, most["middle"])
            self.fine = DeviceLevel(config.fine_spacing_m, most["fine"])
            self.color = DeviceLevel(config.color_spacing_m, most["color"])
            n = most["fine"]
            sdf: Any = zeros((n, 512), torch.int16)
            weight: Any = zeros((n, 512), torch.uint16)
            color: Any = zeros((n, 4, 512), torch.uint8)
        self.config = config
        self.sdf_unit_m = config.truncation_m / 32000.0  # as on the host
        self.field: Any = Field(
            self.coarse.level,
            self.middle.level,
            self.fine.level,
            self.color.level,
            tsdf_ops.TsdfBlocks(sdf, weight, color),
            to_device(decoders),
            np.float32(config.truncation_m),
            np.float32(config.coarse_spacing_m),
            np.float32(self.sdf_unit_m),
            config.seed_with_mean,
        )
        self.num_refused = zeros((1,), torch.int32)  # frames
        self._report = Report(len(LEVELS) + 1)
        self._counters = [0] * (len(LEVELS) + 1)

    @property
    def _levels(self) -> list[DeviceLevel]:
        return [getattr(self, name) for name in LEVELS]

    def wait(self) -> None:
        """Wait for the device, and take note of how many blocks there are now."""
        counters = [level.level.blocks.num_blocks for level in self._levels]
        self._counters = self._report.wait(torch.cat([*counters, self.num_refused]))

    @property
    def frames_refused(self) -> int:
        """Frames of which some block was refused, up to the last one."""
        return self._counters[-1]

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks in use after the last frame."""
        used = dict(zip(LEVELS, self._counters, strict=False))
        others = used["coarse"] + used["middle"] + used["color"]
        return others * (BLOCK_BYTES + MORE_BYTES) + used["fine"] * (
            FINE_BLOCK_BYTES + MORE_FINE_BYTES
        )

    def downloaded(self) -> Grid:
        """Return a copy of all blocks in the host's memory, in the same slots."""
        grid = Grid(self.config, to_host(self.field.decoders))
        for name in LEVELS:
            own, copy = getattr(self, name).level, getattr(grid, name)
            n = int(own.blocks.num_blocks)
            copy.insert(to_host(own.blocks.coords[:n]))
            torch.from_numpy(copy.level.vertices[:n]).copy_(own.vertices[:n])
        n = grid.fine.count
        grid.mean.sdf[:n] = to_host(self.field.mean.sdf[:n])
        grid.mean.weight[:n] = to_host(self.field.mean.weight[:n])
        grid.publish()
        return grid

    def upload(self, grid: Grid) -> None:
        """Become a copy of a grid in the host's memory; nothing may have been mapped yet."""
        for name in LEVELS:
            own, other = getattr(self, name), getattr(grid, name)
            n = other.count
            if n > own.capacity:
                raise SlamError(
                    f"its {n} blocks of {name} exceed the {own.capacity} that fit on the GPU; take "
                    "--device cpu"
                )
            index = block_ops.grown_index(other.level.blocks, own.capacity)
            for tensor, array in zip(own.level.blocks, index, strict=True):
                tensor.copy_(to_device(array))
            own.level.vertices[:n] = to_device(other.level.vertices[:n])
        n = grid.fine.count
        mean = self.field.mean
        mean.sdf[:n] = to_device(grid.mean.sdf[:n])
        mean.weight[:n].view(torch.int16).copy_(to_device(grid.mean.weight[:n].view(np.int16)))
        for tensor, array in zip(self.field.decoders, grid.decoders, strict=True):
            tensor.copy_(to_device(array))
        self.wait()
