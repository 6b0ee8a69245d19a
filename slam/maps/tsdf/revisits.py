"""Blocks that come into view again: a second pass that has drifted is not averaged into the first.

For a second or two both what was there and what is new are also kept apart. Then many blocks show
the same surface twice, and the average is right; or hardly any do, because the second pass has
drifted: then it takes the place of the average, and the first is held until a correction brings the
two together.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from kernels import blocks as block_ops
from kernels.tsdf import TsdfBlocks, new_blocks
from slam.maps.tsdf.agreement import AGREE, DIFFER, averaged, picked, put, verdicts
from slam.maps.tsdf.storage import Storage

logger = logging.getLogger(__name__)
MOST_BLOCKS = 1 << 14  # of one revisit; what comes into view beyond is averaged unseen
GATHERED = 30  # frames, in which blocks join a revisit
WATCHED = 60  # frames, after which it ends
LEAST_VERDICTS = 24  # blocks; fewer tell too little
MOST_OFF = 0.9  # of the verdicts, that things moved and thin walls explain


@dataclass(frozen=True)
class Sizes:
    """What comparing blocks takes, in units of a voxel's distance, and the most that one weighs."""

    voxel_units: float
    narrow_units: float
    sigma_units: float
    max_weight: float

    def verdicts(self, a: TsdfBlocks, b: TsdfBlocks) -> Int32[np.ndarray, "n"]:
        """See `slam.maps.tsdf.agreement.verdicts`."""
        return verdicts(a, b, self.voxel_units, self.narrow_units, self.sigma_units)


class Revisit:
    """Blocks that came into view again within a second: their old voxels, and their new readings
    alone.
    """

    def __init__(self, number: int) -> None:
        self.first_number = number
        self.fresh = Storage.new(1 << 10, MOST_BLOCKS)
        self._old = new_blocks(MOST_BLOCKS)
        self._old_frames = np.full(MOST_BLOCKS, np.nan, np.float32)

    def add(self, storage: Storage, slots: Int32[np.ndarray, "n"]) -> None:
        """Begin to watch blocks, as they are now."""
        coords = storage.index.coords[slots]
        first = self.fresh.count
        self.fresh, _ = self.fresh.with_blocks(coords)
        added = self.fresh.index.coords[first : self.fresh.count].copy()
        slots = block_ops.find_blocks(storage.index, added)
        put(self._old, np.arange(first, self.fresh.count), picked(storage.blocks, slots))
        self._old_frames[first : self.fresh.count] = storage.anchors.frames[slots]

    def among(
        self, coords: Int32[np.ndarray, "n 3"], frame_index: int, number: int
    ) -> Int32[np.ndarray, "k"]:
        """Return the slots in `fresh` of those blocks of a frame that are watched, and take note of
        it.
        """
        slots = block_ops.find_blocks(self.fresh.index, coords)
        slots = slots[slots >= 0]
        self.fresh.anchors.note(slots, frame_index, number)
        return slots

    def has_drifted(self, sizes: Sizes) -> bool:
        """Tell whether all but a few of the blocks show a surface at two places."""
        count = self.fresh.count
        found = sizes.verdicts(
            picked(self._old, np.arange(count)), picked(self.fresh.blocks, np.arange(count))
        )
        num_off, num_equal = (int((found == verdict).sum()) for verdict in (DIFFER, AGREE))
        return num_off >= LEAST_VERDICTS and num_off > MOST_OFF * (num_off + num_equal)

    def part(self, storage: Storage, held: Storage, number: int) -> Storage:
        """Put the new readings in the place of the average, and add the old voxels to `held`, which
        is returned, grown.
        """
        slots = np.arange(self.fresh.count)
        coords = self.fresh.index.coords[slots]
        places = block_ops.find_blocks(storage.index, coords)
        put(storage.blocks, places, picked(self.fresh.blocks, slots))
        for to, of in zip(storage.anchors.arrays, self.fresh.anchors.arrays, strict=True):
            to[places] = of[slots]
        storage.anchors.lasts[places] = number  # a correction on its way must read them again
        is_new = block_ops.find_blocks(held.index, coords) < 0  # the first pass is held
        return added(
            held, coords[is_new], picked(self._old, slots[is_new]), self._old_frames[slots[is_new]]
        )


class Revisits:
    """All that are watched, and the blocks that are held."""

    def __init__(self, sizes: Sizes, most_held: int) -> None:
        self.held = Storage.new(1 << 6, most_held)
        self.num_parted = 0  # revisits that had drifted
        self._sizes = sizes
        self._watched: list[Revisit] = []

    @property
    def num_blocks(self) -> int:
        """Blocks beside the map: held, watched, and the old voxels of what is watched."""
        return self.held.count + 2 * sum(revisit.fresh.count for revisit in self._watched)

    def begin(self, storage: Storage, visible: Int32[np.ndarray, "n"], number: int) -> None:
        """Watch those blocks of a frame that were out of view for long."""
        back = visible[storage.anchors.were_left(visible, number)]
        if not len(back):
            return
        if not self._watched or number - self._watched[-1].first_number >= GATHERED:
            self._watched.append(Revisit(number))
        self._watched[-1].add(storage, back)

    def apart(
        self, coords: Int32[np.ndarray, "n 3"], frame_index: int, number: int
    ) -> Iterator[tuple[Storage, Int32[np.ndarray, "k"]]]:
        """Yield where else a frame with these blocks in view is to be fused, and into which slots
        there.
        """
        for revisit in self._watched:
            slots = revisit.among(coords, frame_index, number)
            if len(slots):
                yield revisit.fresh, slots

    def end(self, storage: Storage, number: int, at_once: bool = False) -> None:
        """Decide, in place, about those that were watched for long enough, or about all."""
        least = 0 if at_once else WATCHED
        while self._watched and number - self._watched[0].first_number >= least:
            revisit = self._watched.pop(0)
            if revisit.has_drifted(self._sizes):
                self.num_parted += 1
                self.held = revisit.part(storage, self.held, number)
                logger.info(
                    "frame %d: %d blocks do not fit what was there; both are kept, apart",
                    number, revisit.fresh.count,
                )  # fmt: skip

    def joined(self, storage: Storage, held: Storage) -> Storage:
        """Take the held blocks where a correction has put them; return a storage with what of them
        fits into it now.
        """
        storage, self.held = joined(storage, held, self._sizes)
        return storage


class NoRevisits:
    """Watches nothing: all passes are averaged."""

    num_parted = 0
    num_blocks = 0

    def __init__(self) -> None:
        self.held = Storage.new(1, 1)

    def begin(self, storage: Storage, visible: Int32[np.ndarray, "n"], number: int) -> None:
        """Do nothing."""

    def apart(
        self, coords: Int32[np.ndarray, "n 3"], frame_index: int, number: int
    ) -> Iterator[tuple[Storage, Int32[np.ndarray, "k"]]]:
        """Yield nothing."""
        yield from ()

    def end(self, storage: Storage, number: int, at_once: bool = False) -> None:
        """Do nothing."""

    def joined(self, storage: Storage, held: Storage) -> Storage:
        """Return the storage as it is."""
        return storage


def added(
    storage: Storage, coords: Int32[np.ndarray, "n 3"], voxels: TsdfBlocks, frames: np.ndarray
) -> Storage:
    """Return a storage, grown, with blocks added that it has not; what there is no room for is left
    out.
    """
    storage, _ = storage.with_blocks(coords)
    slots = block_ops.find_blocks(storage.index, coords)
    fits = slots >= 0
    put(storage.blocks, slots[fits], picked(voxels, fits))
    storage.anchors.frames[slots[fits]] = frames[fits]
    storage.anchors.counts[slots[fits]] = -1
    return storage


def joined(storage: Storage, held: Storage, sizes: Sizes) -> tuple[Storage, Storage]:
    """Return a storage with those of the held blocks that agree with it, or lie where it knows
    nothing, and the rest.
    """
    held_slots = np.arange(held.count)
    coords = held.index.coords[held_slots]
    slots = block_ops.find_blocks(storage.index, coords)
    is_there = slots >= 0
    there, here = held_slots[is_there], slots[is_there]
    mine, theirs = picked(storage.blocks, here), picked(held.blocks, there)
    agrees = sizes.verdicts(mine, theirs) != DIFFER
    put(
        storage.blocks, here[agrees],
        averaged(picked(mine, agrees), picked(theirs, agrees), sizes.max_weight),
    )  # fmt: skip
    alone, apart = held_slots[~is_there], there[~agrees]
    storage = added(storage, coords[alone], picked(held.blocks, alone), held.anchors.frames[alone])
    rest = Storage.new(max(1, len(apart)), len(held.blocks.sdf))
    rest = added(rest, coords[apart], picked(held.blocks, apart), held.anchors.frames[apart])
    return storage, rest
