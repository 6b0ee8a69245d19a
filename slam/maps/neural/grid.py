"""The storage of the neural field: four levels of sparse blocks that grow together."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.field import Decoders, Field, Level
from slam.config import NeuralConfig
from slam.errors import SlamError
from slam.maps.neural.decoders import load_decoders

VERTEX_BYTES = 4 * field_ops.RECORD + 1
BLOCK_BYTES = 512 * VERTEX_BYTES + 44  # vertices, coordinates and neighbours
FINE_BLOCK_BYTES = BLOCK_BYTES + 512 * 4  # and the fused mean
# How the budget is shared out; a level that is full refuses blocks.
SHARES = {"coarse": 0.02, "middle": 0.08, "fine": 0.45, "color": 0.45}
FIRST_CAPACITY = 1 << 10


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
        vertices, marks = field_ops.new_vertices(most_blocks)
        index = block_ops.new_index(capacity)
        self.level = Level(index, vertices, marks, np.float32(spacing_m))
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
        capacity = min(2 * old, len(self.level.vertices))
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

    def cover(self, fine: "_GrowingLevel", first: int) -> bool:
        """Insert what lies over the fine blocks from slot `first` on; False where the budget is
        used up.
        """
        spacing_m = float(self.level.spacing_m)
        while not block_ops.cover_blocks(
            fine.level.blocks, first, self.level.blocks, fine.block_size_m, spacing_m
        ):
            if not self.grow():
                return False
        return True

    def touch_band(
        self, view: View, truncation_m: float, stride: int, stamp: int
    ) -> tuple[Int32[np.ndarray, "capacity"], int, bool]:
        """Allocate and list the blocks of the band; see `kernels.blocks.touch_band`. The flag says
        whether all found room.
        """
        while True:
            visible = np.empty(len(self.stamps), np.int32)
            num = block_ops.touch_band(
                self.level.blocks, view.sure_depth_m, view.intrinsics, view.T_world_camera,
                self.block_size_m, view.noise, (truncation_m, truncation_m), stride, self.stamps,
                stamp, visible,
            )  # fmt: skip
            if num >= 0:
                return visible, num, True
            is_grown = self.grow()
            if not is_grown:
                touched = np.flatnonzero(self.stamps == stamp)
                visible[: len(touched)] = touched
                return visible, len(touched), False
            self.stamps[self.stamps == stamp] = -1  # list them again


def capacities(budget_bytes: int, more_bytes: int = 0, more_fine_bytes: int = 0) -> dict[str, int]:
    """Return how many blocks each level may have, where one takes so many bytes more than here."""
    block_bytes = dict.fromkeys(SHARES, BLOCK_BYTES + more_bytes)
    block_bytes["fine"] = FINE_BLOCK_BYTES + more_fine_bytes
    return {
        name: max(1, int(share * budget_bytes / block_bytes[name]))
        for name, share in SHARES.items()
    }


class Grid:
    """Coarse, middle, fine and colour level, and the fused mean distance at the fine vertices."""

    def __init__(self, config: NeuralConfig, decoders: Decoders) -> None:
        most = capacities(config.budget_mb * 1_000_000)
        try:
            self.coarse = _GrowingLevel(config.coarse_spacing_m, most["coarse"])
            self.middle = _GrowingLevel(config.middle_spacing_m, most["middle"])
            self.fine = _GrowingLevel(config.fine_spacing_m, most["fine"])
            self.color = _GrowingLevel(config.color_spacing_m, most["color"])
            self.mean = tsdf_ops.new_blocks(most["fine"])
        except MemoryError as error:
            raise SlamError(
                f"cannot reserve {config.budget_mb} MB for the map; lower --neural.budget-mb"
            ) from error
        self.config = config
        self.sdf_unit_m = config.truncation_m / 32000.0  # dithering must not overflow int16
        self.decoders = decoders
        self.field = self._field()

    def _field(self) -> Field:
        config = self.config
        return Field(
            self.coarse.level,
            self.middle.level,
            self.fine.level,
            self.color.level,
            self.mean,
            self.decoders,
            np.float32(config.truncation_m),
            np.float32(config.coarse_spacing_m),
            np.float32(self.sdf_unit_m),
            config.seed_with_mean,
        )

    def publish(self) -> None:
        """Hand the levels as they are now to the readers, at once."""
        self.field = self._field()

    def cover(self, first_fine: int) -> bool:
        """Allocate the coarser blocks over all fine blocks from `first_fine` on; False where one
        found no room.
        """
        fits = self.middle.cover(self.fine, first_fine)
        return self.coarse.cover(self.fine, first_fine) and fits

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks in use."""
        others = self.coarse.count + self.middle.count + self.color.count
        return others * BLOCK_BYTES + self.fine.count * FINE_BLOCK_BYTES


def new_decoders() -> Decoders:
    """Return the shipped geometry decoders with a fresh colour decoder, which adds nothing yet."""
    shipped = load_decoders()
    rng = np.random.default_rng(0)
    return Decoders(
        shipped.coarse_w1,
        shipped.coarse_w2.ravel(),
        shipped.middle_w1,
        shipped.middle_w2.ravel(),
        shipped.fine_w1,
        shipped.fine_w2.ravel(),
        (0.5 * rng.standard_normal((4, 16))).astype(np.float32),
        np.zeros((16, 3), np.float32),
    )
