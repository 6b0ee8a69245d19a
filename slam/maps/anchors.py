"""Which frames a map's blocks hang on: with them they move when the frames' poses are corrected."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from kernels.anchors import note_view

STAY = 300  # frames without a block in view, after which it counts as left


@dataclass(frozen=True)
class Anchors:
    """The frames of each slot's block, and how long ago it was in view.

    A block is anchored at the mean of the frames of its first stay in view: what it holds is their
    average, and the motion of their middle fits it best. Frames of later stays were tracked against
    it, and hang on it rather than it on them.
    """

    frames: Float32[np.ndarray, "n"]  # mean index of the first stay; NaN where unknown
    counts: Int32[np.ndarray, "n"]  # frames of the first stay so far; -1 once it is over
    lasts: Int32[np.ndarray, "n"]  # number of the frame that had the block in view last
    latest: Float32[np.ndarray, "n"]  # its index; NaN where unknown
    tears: Float32[np.ndarray, "n"]  # by how many voxels corrections have put its readings apart

    @classmethod
    def new(cls, capacity: int) -> "Anchors":
        """Return anchors of blocks that no frame has touched."""
        frames = np.full(capacity, np.nan, np.float32)
        counts, lasts = np.zeros(capacity, np.int32), np.full(capacity, -1, np.int32)
        return cls(frames, counts, lasts, frames.copy(), np.zeros(capacity, np.float32))

    def grown(self, capacity: int) -> "Anchors":
        """Return a copy with room for more blocks."""
        grown = Anchors.new(capacity)
        for old, new in zip(self.arrays, grown.arrays, strict=True):
            new[: len(old)] = old
        return grown

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All of them."""
        return self.frames, self.counts, self.lasts, self.latest, self.tears

    def take(self, frames: Float32[np.ndarray, "k"]) -> None:
        """Go on, in place, with the first blocks anchored at these frames for good."""
        self.frames[: len(frames)] = frames
        self.counts[: len(frames)] = -1

    def note(self, slots: Int32[np.ndarray, "k"], frame_index: int, number: int) -> None:
        """Take note, in place, that a frame has these blocks in view: the frame with this index
        of the source, the `number`-th that is fused.
        """
        note_view(slots, frame_index, number, STAY, self.frames, self.counts, self.lasts)
        self.latest[slots] = frame_index
