"""The storage of the neural field: a TSDF map as its base, and three levels of sparse blocks that
grow with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels.blocks import BlockIndex
from kernels.field import Decoders, Field, Level
from kernels.tsdf import TsdfGrid
from slam.camera import DepthNoise
from slam.config import NeuralConfig, TsdfConfig
from slam.errors import SlamError
from slam.maps.neural.decoders import load_decoders
from slam.maps.tsdf.map import TsdfMap
from slam.maps.tsdf.tsdf_file import TsdfContent, check_blocks

BLOCK_BYTES = 512 * 2 * (field_ops.NUM_FEATURES + 1) + 44  # vertices, coordinates and neighbours
# How the budget is shared out, about as a flat shares it; what is full refuses blocks.
SHARES = {"middle": 0.03, "fine": 0.22, "color": 0.21}
BASE_SHARE = 0.54
FIRST_CAPACITY = 1 << 10
_CORNERS = 2 * np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=-1).astype(np.float32) - 1


@dataclass(frozen=True)
class View:
    """What allocating from a depth image takes; `sure_depth_m` is <= 0 where nothing may be made
    of it.
    """

    sure_depth_m: np.ndarray
    intrinsics: np.ndarray
    T_world_camera: np.ndarray
    noise: np.ndarray


class _GrowingLevel:
    """A level and the stamps of its blocks. Vertices of the whole budget are reserved at once, but
    a page is only taken when it is first written: so growth copies an index and no vertices.
    """

    def __init__(self, spacing_m: float, most_blocks: int) -> None:
        capacity = min(FIRST_CAPACITY, most_blocks)
        index, vertices = block_ops.new_index(capacity), field_ops.new_vertices(most_blocks)
        self.level = Level(index, *vertices, np.float32(spacing_m))
        self.stamps = np.full(capacity, -1, np.int32)

    @property
    def block_size_m(self) -> float:
        return 8.0 * float(self.level.spacing_m)

    @property
    def count(self) -> int:
        return int(self.level.blocks.num_blocks[0])

    def grow(self) -> bool:
        """Double the capacity within the budget; False where that is used up."""
        old = len(self.level.blocks.coords)
        capacity = min(2 * old, len(self.level.sums))
        if capacity == old:
            return False
        self.stamps = np.append(self.stamps, np.full(capacity - old, -1, np.int32))
        index = block_ops.grown_index(self.level.blocks, capacity)
        self.level = self.level._replace(blocks=index)
        return True

    def insert(self, coords: Int32[np.ndarray, "n 3"]) -> bool:
        """Insert blocks; False where the budget is used up."""
        while not block_ops.insert_blocks(self.level.blocks, coords):
            if not self.grow():
                return False
        return True

    def cover(self, index: BlockIndex, first: int, block_size_m: float) -> bool:
        """Insert what lies over the blocks of a finer index from slot `first` on; False where the
        budget is used up.
        """
        spacing_m = float(self.level.spacing_m)
        while not block_ops.cover_blocks(index, first, self.level.blocks, block_size_m, spacing_m):
            if not self.grow():
                return False
        return True

    def forget(self, points: Float32[np.ndarray, "n 3"], reach_m: float) -> None:
        """Begin anew, in place, with the blocks that lie within reach of some points."""
        corners = np.concatenate([points + reach_m * side for side in _CORNERS])
        coords = np.floor(corners / np.float32(self.block_size_m)).astype(np.int32)
        slots = block_ops.find_blocks(self.level.blocks, np.unique(coords, axis=0))
        for values in (self.level.features, self.level.sums):
            values[slots[slots >= 0]] = 0

    def touch_band(self, view: View, truncation_m: float, stride: int, stamp: int) -> bool:
        """Allocate the blocks of the band; see `kernels.blocks.touch_band`. Return whether all
        found room.
        """
        while True:
            visible = np.empty(len(self.stamps), np.int32)
            num = block_ops.touch_band(
                self.level.blocks, view.sure_depth_m, view.intrinsics, view.T_world_camera,
                self.block_size_m, view.noise, (truncation_m, truncation_m), stride, self.stamps,
                stamp, visible,
            )  # fmt: skip
            if num >= 0 or not self.grow():
                return num >= 0
            self.stamps[self.stamps == stamp] = -1  # list them again


def capacities(budget_bytes: int, more_bytes: int = 0) -> dict[str, int]:
    """Return how many blocks each level may have, where one takes so many bytes more than here."""
    return {
        name: max(1, int(share * budget_bytes / (BLOCK_BYTES + more_bytes)))
        for name, share in SHARES.items()
    }


def base_config(config: NeuralConfig) -> TsdfConfig:
    """Return what the base is made by: a TSDF with one truncation at all depths."""
    truncation_voxels = config.truncation_m / config.base_spacing_m
    return TsdfConfig(
        voxel_size_m=config.base_spacing_m,
        truncation_voxels=truncation_voxels,
        max_truncation_voxels=truncation_voxels,
        max_weight=config.max_weight,
        budget_mb=max(1, int(BASE_SHARE * config.budget_mb)),
    )


class Grid:
    """The base, and the middle, fine and colour level."""

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise, decoders: Decoders) -> None:
        most = capacities(config.budget_mb * 1_000_000)
        try:
            self.base = TsdfMap(base_config(config), depth_noise, FIRST_CAPACITY)
            self.middle = _GrowingLevel(config.middle_spacing_m, most["middle"])
            self.fine = _GrowingLevel(config.fine_spacing_m, most["fine"])
            self.color = _GrowingLevel(config.color_spacing_m, most["color"])
        except (MemoryError, SlamError) as error:
            raise SlamError(
                f"cannot reserve {config.budget_mb} MB for the map; lower --neural.budget-mb"
            ) from error
        self.config = config
        self.decoders = decoders
        self.field = self._field()

    def _field(self) -> Field:
        return Field(
            self.middle.level,
            self.fine.level,
            self.color.level,
            TsdfGrid(
                *self.base.storage,
                np.float32(self.config.base_spacing_m),
                np.float32(self.base.sdf_unit_m),
            ),
            self.decoders,
            np.float32(self.config.truncation_m),
        )

    def publish(self) -> None:
        """Hand base and levels as they are now to the readers, at once."""
        self.field = self._field()

    def cover(self, first: int) -> bool:
        """Allocate blocks of middle and fine over all of the base's from slot `first` on; False
        where one found no room.
        """
        index, size_m = self.base.storage[0], 8.0 * self.config.base_spacing_m
        levels = (self.middle, self.fine)
        return all([level.cover(index, first, size_m) for level in levels])

    def follow(self, changed: Float32[np.ndarray, "n 3"]) -> None:
        """Lay the levels over a base that was moved, where `changed` are the centres of the blocks
        in which anything changed: there they begin anew. Readers see both at once.
        """
        index, size_m = self.base.storage[0], 8.0 * self.config.base_spacing_m
        for level in (self.middle, self.fine, self.color):
            level.forget(changed, 0.5 * size_m)
            level.cover(index, 0, size_m)
        self.publish()

    def base_content(self) -> TsdfContent:
        """Return all of the base."""
        base = self.base
        return TsdfContent(base.config, base.depth_noise, base.num_integrated, *base.arrays())

    def take_base(self, num_integrated: int, arrays: Sequence[np.ndarray]) -> None:
        """Go on with a base of so many frames; raise SlamError where there is no room for it."""
        base = self.base
        content = TsdfContent(base.config, base.depth_noise, num_integrated, *arrays)
        check_blocks("its base", content)
        base.take(content)
        base.num_integrated = num_integrated

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks in use."""
        levels = (self.middle, self.fine, self.color)
        return self.base.nbytes + BLOCK_BYTES * sum(level.count for level in levels)


def new_decoders() -> Decoders:
    """Return the shipped geometry decoders with a fresh colour decoder, which adds nothing yet."""
    shipped = load_decoders()
    rng = np.random.default_rng(0)
    return Decoders(
        shipped.middle_w1,
        shipped.middle_w2.ravel(),
        shipped.fine_w1,
        shipped.fine_w2.ravel(),
        (0.5 * rng.standard_normal((4, 16))).astype(np.float32),
        np.zeros((16, 3), np.float32),
    )
