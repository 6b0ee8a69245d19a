"""Where a TSDF map on the CPU keeps its blocks."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from slam.maps.anchors import Anchors


@dataclass(frozen=True)
class Storage:
    """Index and voxels, and what is noted of each block. Growth and corrections replace all of it
    at once, so that a reader always has parts that fit.
    """

    index: block_ops.BlockIndex
    blocks: tsdf_ops.TsdfBlocks
    stamps: Int32[np.ndarray, "n"]  # number of the frame that listed a block last
    anchors: Anchors

    @classmethod
    def new(cls, capacity: int, most_blocks: int) -> "Storage":
        """Return an empty storage that can grow to `most_blocks`.

        All voxels are reserved at once, but a page is only taken when it is first written: so
        growth copies an index and no voxels.
        """
        capacity = min(capacity, most_blocks)
        return cls(
            block_ops.new_index(capacity),
            tsdf_ops.new_blocks(most_blocks),
            np.full(capacity, -1, np.int32),
            Anchors.new(capacity),
        )

    @property
    def capacity(self) -> int:
        """Blocks that there is room for without growth."""
        return len(self.index.coords)

    @property
    def count(self) -> int:
        """Blocks in use."""
        return int(self.index.num_blocks[0])

    def grown(self) -> "Storage | None":
        """Return it with twice the room, the voxels shared; None where the budget is used up."""
        capacity = min(2 * self.capacity, len(self.blocks.sdf))
        if capacity <= self.capacity:
            return None
        more = np.full(capacity - self.capacity, -1, np.int32)
        return Storage(
            block_ops.grown_index(self.index, capacity),
            self.blocks,
            np.append(self.stamps, more),
            self.anchors.grown(capacity),
        )

    def with_blocks(self, coords: Int32[np.ndarray, "n 3"]) -> "tuple[Storage, bool]":
        """Return it with blocks inserted, grown where it has to be, and whether all found room."""
        storage = self
        while not block_ops.insert_blocks(storage.index, coords):
            grown = storage.grown()
            if grown is None:
                return storage, False
            storage = grown
        return storage, True
