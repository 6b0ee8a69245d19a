"""Where a TSDF map on a GPU keeps its blocks."""

from typing import Any, NamedTuple

import torch

from kernels.blocks import BlockIndex, new_index
from kernels.cuda.arrays import empty, full, to_device, zeros
from kernels.tsdf import TsdfBlocks
from slam.gpu.memory import granted_bytes, reserving
from slam.maps.tsdf.fused_map import BYTES_PER_BLOCK

BYTES_BESIDE = 56  # a block: its part of the hash table, stamp and place in the list


class DeviceAnchors(NamedTuple):
    """`slam.maps.anchors.Anchors` of tensors."""

    frames: Any  # float32 (capacity,)
    counts: Any  # int32 (capacity,)
    lasts: Any  # int32 (capacity,)

    def put(self, slots: Any, frames: Any) -> None:
        """Let the blocks in these slots hang on these frames for good; there are no others."""
        self.frames.fill_(float("nan"))
        self.counts.zero_()
        self.frames[slots] = frames
        self.counts[slots] = -1


class TsdfStorage(NamedTuple):
    """Index and voxels, and what a frame notes about the blocks it touches."""

    index: Any  # a BlockIndex of tensors
    voxels: Any  # TsdfBlocks of tensors
    stamps: Any  # int32 (capacity,): the frame that touched a block last
    visible: Any  # int32 (capacity,): the slots that a frame touches
    anchors: DeviceAnchors
    report: Any  # int32 (2,): blocks in use, and how many the last frame found no room for


def new_storage(num_blocks: int) -> TsdfStorage:
    """Reserve memory for so many blocks, or for as many as fit into half of what is free."""
    size = BYTES_PER_BLOCK + BYTES_BESIDE
    capacity = granted_bytes(num_blocks * size) // size
    with reserving(capacity * size, "--tsdf.budget-mb"):
        sdf: Any = zeros((capacity, 512), torch.int16)
        weight: Any = zeros((capacity, 512), torch.uint16)
        color: Any = zeros((capacity, 4, 512), torch.uint8)
        return TsdfStorage(
            index=to_device(new_index(capacity)),
            voxels=TsdfBlocks(sdf, weight, color),
            stamps=full((capacity,), -1, torch.int32),
            visible=empty((capacity,), torch.int32),
            anchors=DeviceAnchors(
                full((capacity,), float("nan"), torch.float32),
                zeros((capacity,), torch.int32),
                full((capacity,), -1, torch.int32),
            ),
            report=zeros((2,), torch.int32),
        )


def in_order(storage: TsdfStorage, count: int) -> tuple[BlockIndex, TsdfBlocks]:
    """Return a copy of the first `count` blocks, sorted by their coordinates: in which order
    threads took the slots is chance.
    """
    index, voxels = storage.index, storage.voxels
    coords = index.coords[:count]
    order = torch.arange(count, device=coords.device)
    for axis in (2, 1, 0):
        order = order[torch.argsort(coords[order, axis], stable=True)]
    # one more, for the slot -1 of what is not there
    new_slots: Any = full((count + 1,), -1, torch.int32)
    new_slots[order] = torch.arange(count, dtype=torch.int32, device=coords.device)
    num_blocks: Any = full((1,), count, torch.int32)
    return (
        BlockIndex(
            keys=index.keys,
            slots=new_slots[index.slots.long()],
            coords=coords[order],
            neighbors=new_slots[index.neighbors[order].long()],
            num_blocks=num_blocks,
        ),
        TsdfBlocks(
            sdf=voxels.sdf[order],
            weight=voxels.weight.view(torch.int16)[order].view(torch.uint16),
            color=voxels.color[order],
        ),
    )
