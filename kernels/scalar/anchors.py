"""Noting a frame for one block; see `kernels.anchors`."""

import numpy as np

from kernels.scalar.compile import inline

ZERO = np.float32(0.0)


@inline
def note_block(slot, frame_index, number, stay, frames, counts, lasts):
    """Update the anchor of a block that a frame has in view."""
    num = counts[slot]
    if num == 0 or (num > 0 and number - lasts[slot] <= stay):
        index = np.float32(frame_index)
        before = ZERO if num == 0 else frames[slot]
        frames[slot] = before + (index - before) / np.float32(num + 1)
        counts[slot] = num + 1
    else:
        counts[slot] = -1
    lasts[slot] = number
