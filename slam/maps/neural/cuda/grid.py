"""The storage of the neural field on a GPU: base and three levels of sparse blocks, reserved at
once.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from kernels import blocks as block_ops
from kernels.cuda.arrays import full, to_device, to_host, zeros
from kernels.field import NUM_FEATURES, Decoders, Field, Level
from slam.camera import DepthNoise
from slam.config import NeuralConfig
from slam.errors import SlamError
from slam.gpu.counters import Report
from slam.gpu.memory import granted_bytes, reserving
from slam.maps.neural.grid import BLOCK_BYTES, Grid, base_config, capacities
from slam.maps.neural.neural_file import LEVELS
from slam.maps.tsdf.cuda.map import CudaTsdfMap

# what a block takes beyond its share of the host's memory: its stamp, its place in a list, and two
# to four entries of the table
MORE_BYTES = 8 + 48


class DeviceLevel:
    """A level, with the stamps of its blocks and a list of those that a frame meets. It never moves
    and never grows: captured launches go on with it.
    """

    def __init__(self, spacing_m: float, capacity: int) -> None:
        index = to_device(block_ops.new_index(capacity))
        features: Any = zeros((capacity, 512, NUM_FEATURES), torch.uint16)
        sums: Any = zeros((capacity, 512), torch.uint16)
        self.level: Any = Level(index, features, sums, np.float32(spacing_m))
        self.capacity = capacity
        self.stamps: Any = full((capacity,), -1, torch.int32)
        self.visible: Any = full((capacity,), -1, torch.int32)

    @property
    def block_size_m(self) -> float:
        return 8.0 * float(self.level.spacing_m)


class DeviceGrid:
    """The base, the middle, fine and colour level, and the decoders."""

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise, decoders: Decoders) -> None:
        granted = granted_bytes(config.budget_mb * 10**6)
        most = capacities(granted, MORE_BYTES)
        with reserving(granted, "--neural.budget-mb"):
            self.middle = DeviceLevel(config.middle_spacing_m, most["middle"])
            self.fine = DeviceLevel(config.fine_spacing_m, most["fine"])
            self.color = DeviceLevel(config.color_spacing_m, most["color"])
        granted_mb = max(1, granted // 10**6)
        self.base = CudaTsdfMap(base_config(replace(config, budget_mb=granted_mb)), depth_noise)
        self.config = config
        self.field: Any = Field(
            self.middle.level,
            self.fine.level,
            self.color.level,
            self.base.on_device,
            to_device(decoders),
            np.float32(config.truncation_m),
        )
        self.num_refused = zeros((1,), torch.int32)  # frames
        self._report = Report(len(LEVELS) + 2)
        self._counters = [0] * (len(LEVELS) + 2)

    @property
    def _levels(self) -> list[DeviceLevel]:
        return [getattr(self, name) for name in LEVELS]

    def wait(self) -> None:
        """Wait for the device, and take note of how many blocks there are now."""
        counters = [level.level.blocks.num_blocks for level in self._levels]
        counters.append(self.field.base.blocks.num_blocks)
        self._counters = self._report.wait(torch.cat([*counters, self.num_refused]))
        self.base.take_note(self._counters[len(LEVELS)])

    @property
    def frames_refused(self) -> int:
        """Frames of which some block was refused, up to the last one."""
        return self._counters[-1]

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks in use after the last frame."""
        num_blocks = sum(self._counters[: len(LEVELS)])
        return self.base.nbytes + num_blocks * (BLOCK_BYTES + MORE_BYTES)

    def downloaded(self, num_integrated: int) -> Grid:
        """Return a copy of all blocks in the host's memory; the slots of the base are others."""
        grid = Grid(self.config, self.base.depth_noise, to_host(self.field.decoders))
        for name in LEVELS:
            own, copy = getattr(self, name).level, getattr(grid, name)
            n = int(own.blocks.num_blocks)
            copy.insert(to_host(own.blocks.coords[:n]))
            copy.level.features[:n] = to_host(own.features[:n])
            copy.level.sums[:n] = to_host(own.sums[:n])
        grid.take_base(num_integrated, self.base.arrays())
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
            for tensor, array in (
                (own.level.features, other.level.features),
                (own.level.sums, other.level.sums),
            ):
                tensor.view(torch.int16)[:n] = to_device(array[:n]).view(torch.int16)
        self.base.take(grid.base_content())
        for tensor, array in zip(self.field.decoders, grid.decoders, strict=True):
            tensor.copy_(to_device(array))
        self.wait()
