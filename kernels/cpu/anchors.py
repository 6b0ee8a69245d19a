"""Noting frames in numba; contract in `kernels.anchors`."""

from kernels.cpu.compile import kernel
from kernels.scalar.anchors import note_block


@kernel
def note_view(slots, frame_index, number, stay, frames, counts, lasts):
    for slot in slots:
        note_block(slot, frame_index, number, stay, frames, counts, lasts)
