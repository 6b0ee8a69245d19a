"""Moving the blocks of a TSDF map on a GPU."""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64

from kernels import blocks as block_ops
from kernels.cuda.arrays import to_device, to_host
from kernels.resample import resample_blocks
from slam.maps.motion import Motion
from slam.maps.moved_blocks import (
    block_centers,
    grouped,
    in_voxels,
    inverse_rows,
    is_moved,
    reached,
)
from slam.maps.tsdf.cuda.storage import TsdfStorage


class Moved(NamedTuple):
    """Slots and frames of the blocks after a correction, and the centres of what changed."""

    slots: Any  # int64 (n,), on the device
    frames: Float32[np.ndarray, "n"]
    changed: Float32[np.ndarray, "m 3"]


def move(
    storage: TsdfStorage,
    frames: Float32[np.ndarray, "n"],
    motion: Motion,
    voxel_size_m: float,
    max_weight: float,
) -> Moved:
    """Re-read all blocks, in place: in a copy first, which is then taken back."""
    index, voxels = storage.index, storage.voxels
    coords = to_host(index.coords[: len(frames)])
    Ts: Float64[np.ndarray, "n 4 4"] = in_voxels(motion.at(frames), voxel_size_m)
    reach = grouped(reached(coords, Ts))
    Ts_old_new, new_coords, starts, sources = to_device((inverse_rows(Ts), *reach[:3]))
    made: Any = resample_blocks(index, voxels, Ts_old_new, new_coords, starts, sources, max_weight)
    is_kept = (made.weight.view(torch.int16) != 0).any(dim=1)
    kept = torch.nonzero(is_kept)[:, 0]
    clear(storage, len(frames))
    new_coords = new_coords[kept].contiguous()
    block_ops.insert_blocks(index, new_coords)
    found: Any = block_ops.find_blocks(index, new_coords)
    slots = found.long()
    voxels.sdf[slots] = made.sdf[kept]
    voxels.weight.view(torch.int16)[slots] = made.weight.view(torch.int16)[kept]
    voxels.color[slots] = made.color[kept]
    moves = is_moved(Ts)
    both = np.concatenate([coords[moves], reach.coords[reach.changed(moves)]])
    anchors = frames[reach.nearest[to_host(kept)]]
    return Moved(slots, anchors, block_centers(both, voxel_size_m))


def clear(storage: TsdfStorage, num_blocks: int) -> None:
    """Take all blocks out, of which there are so many."""
    index, voxels = storage.index, storage.voxels
    index.keys.fill_(-1)
    index.slots.fill_(-1)
    index.neighbors.fill_(-1)
    index.num_blocks.zero_()
    storage.stamps.fill_(-1)
    voxels.sdf[:num_blocks] = 0
    voxels.weight.view(torch.int16)[:num_blocks] = 0
    voxels.color[:num_blocks] = 0
