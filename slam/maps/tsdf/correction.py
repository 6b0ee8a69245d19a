"""A TSDF map's blocks on their way to where a correction puts them."""

import numpy as np
from jaxtyping import Float32, Float64, Int32

from kernels import blocks as block_ops
from kernels.reference.blocks import pack
from kernels.resample import resample_blocks
from kernels.tsdf import TsdfBlocks, new_blocks
from slam.maps.motion import Motion
from slam.maps.moved_blocks import (
    Reach,
    block_centers,
    grouped,
    in_voxels,
    inverse_rows,
    is_moved,
    joined,
    reached,
)
from slam.maps.tsdf.storage import Storage

SLICE = 256  # new blocks that are read at a time, in about 10 ms
COPIES = 8  # blocks are copied in the time that one is read in


class Resampling:
    """Makes a new storage beside the one in use, in slices.

    Between them frames may be fused into the old one: what they touched is read again at the end.
    What does not move is copied bit by bit.
    """

    def __init__(
        self, storage: Storage, motion: Motion, voxel_size_m: float, max_weight: float
    ) -> None:
        self._motion = motion
        self._has_motion = bool(is_moved(motion.Ts_new_old).any())
        self._voxel_size_m = voxel_size_m
        self._max_weight = max_weight
        if not self._has_motion:
            return
        Ts = self._motions(storage, 0)
        self._is_moved, self._Ts_old_new = is_moved(Ts), inverse_rows(Ts)
        self._pairs = reached(storage.index.coords[: storage.count], Ts).in_order()
        self._reach = grouped(self._pairs)
        # what was in view lately comes last: little of it will have to be read twice
        self._order = np.argsort(self._newest(storage), kind="stable")
        costs = np.where(self._reach.changed(self._is_moved), COPIES, 1)
        self._costs = np.cumsum(costs[self._order])
        self._num_done = 0
        self._done_at = np.full(len(self._order), -1, np.int32)
        self._new = Storage.new(max(1, len(self._order)), len(storage.blocks.sdf))

    def _motions(self, storage: Storage, first: int) -> Float64[np.ndarray, "n 4 4"]:
        frames = storage.anchors.frames[first : storage.count]
        return in_voxels(self._motion.at(frames), self._voxel_size_m)

    def _newest(self, storage: Storage) -> Int32[np.ndarray, "t"]:
        """Return the number of the frame that last had a source of each new block in view, or one
        of the blocks that cells of a source reach into.
        """
        if not len(self._reach.coords):
            return np.zeros(0, np.int32)
        neighbors = storage.index.neighbors[: storage.count]
        lasts = np.append(storage.anchors.lasts, np.int32(-1))[neighbors].max(axis=1)
        return np.maximum.reduceat(lasts[self._reach.sources], self._reach.starts[:-1])

    def advance(self, storage: Storage, number: int) -> bool:
        """Make some more of the new blocks, before the frame of this number is fused; True once all
        are made.
        """
        if not self._has_motion:
            return True
        done = self._costs[self._num_done - 1] if self._num_done else 0
        last = int(np.searchsorted(self._costs, done + SLICE * COPIES, side="right"))
        which = self._order[self._num_done : last]
        self._make(storage, self._reach.part(which))
        self._done_at[which] = number
        self._num_done = last
        return self._num_done == len(self._order)

    def finish(self, storage: Storage) -> tuple[Storage, Float32[np.ndarray, "n 3"]]:
        """Read again what was touched since, and return the new storage and the centres of the
        blocks, old and new, where anything changed.
        """
        if not self._has_motion:
            return storage, np.zeros((0, 3), np.float32)
        num_old, coords = len(self._is_moved), storage.index.coords
        Ts = self._motions(storage, num_old)
        fresh = reached(coords[num_old : storage.count], Ts, num_old)
        self._is_moved = np.concatenate([self._is_moved, is_moved(Ts)])
        self._Ts_old_new = np.concatenate([self._Ts_old_new, inverse_rows(Ts)])
        is_stale = self._newest(storage) >= self._done_at
        wanted = np.unique(np.concatenate([pack(self._reach.coords[is_stale]), fresh.keys]))
        reach = grouped(joined([self._pairs.of(wanted), fresh]))
        for which in np.split(np.arange(len(reach.coords)), range(SLICE, len(reach.coords), SLICE)):
            self._make(storage, reach.part(which))
        self._tear(storage, self._reach, reach)
        changed = [coords[: len(self._is_moved)][self._is_moved]]
        changed += [part.coords[part.changed(self._is_moved)] for part in (self._reach, reach)]
        return self._new, block_centers(np.concatenate(changed), self._voxel_size_m)

    def _tear(self, storage: Storage, *reaches: Reach) -> None:
        """Note, in both storages, by how much the motion of the frames that had a block in view
        last differs from that of its first ones, with which it moves.
        """
        num = len(self._is_moved)
        anchors = storage.anchors
        centers = 8.0 * storage.index.coords[:num] + 4.0
        moved = [
            np.einsum("nij,nj->ni", Ts[:, :3, :3], centers) + Ts[:, :3, 3]
            for Ts in (
                in_voxels(self._motion.at(frames[:num]), self._voxel_size_m)
                for frames in (anchors.frames, anchors.latest)
            )
        ]
        is_known = np.isfinite(anchors.frames[:num]) & np.isfinite(anchors.latest[:num])
        apart = np.linalg.norm(moved[1] - moved[0], axis=1)
        anchors.tears[:num] += np.where(is_known, apart, 0.0)
        new = self._new.anchors
        for reach in reaches:
            if len(reach.coords):
                slots = block_ops.find_blocks(self._new.index, reach.coords)
                is_there = slots >= 0
                for to, of in ((new.tears, anchors.tears), (new.latest, anchors.latest)):
                    most = np.fmax.reduceat(of[reach.sources], reach.starts[:-1])
                    to[slots[is_there]] = most[is_there]

    def _make(self, storage: Storage, reach: Reach) -> None:
        """Make new blocks, and keep those that hold anything or are there already."""
        if not len(reach.coords):
            return
        made = self._made(storage, reach)
        is_kept = made.weight.any(axis=1)
        is_kept |= block_ops.find_blocks(self._new.index, reach.coords) >= 0
        # what goes beyond the budget is left out
        self._new, _ = self._new.with_blocks(reach.coords[is_kept])
        slots = block_ops.find_blocks(self._new.index, reach.coords)
        kept = np.flatnonzero(slots >= 0)
        slots = slots[kept]
        for to, of in zip(self._new.blocks, made, strict=True):
            to[slots] = of[kept]
        for to, of in zip(self._new.anchors.arrays, storage.anchors.arrays, strict=True):
            to[slots] = of[reach.nearest[kept]]
        lasts = np.maximum.reduceat(storage.anchors.lasts[reach.sources], reach.starts[:-1])
        self._new.anchors.lasts[slots] = lasts[kept]

    def _made(self, storage: Storage, reach: Reach) -> TsdfBlocks:
        """Return the voxels of new blocks."""
        is_read = reach.changed(self._is_moved)
        made = new_blocks(len(reach.coords))
        stays, moves = np.flatnonzero(~is_read), np.flatnonzero(is_read)
        part = reach.part(moves)
        read = resample_blocks(
            storage.index, storage.blocks, self._Ts_old_new, part.coords, part.starts, part.sources,
            self._max_weight,
        )  # fmt: skip
        for to, old, new in zip(made, storage.blocks, read, strict=True):
            to[stays] = old[reach.nearest[stays]]
            to[moves] = new
        return made
