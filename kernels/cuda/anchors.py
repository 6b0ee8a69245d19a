"""Noting frames on CUDA; contract in `kernels.anchors`."""

import torch
from numba import cuda

from kernels.cuda.arrays import full
from kernels.cuda.launch import STRIDED_BLOCKS, THREADS, kernel, launch
from kernels.scalar.anchors import note_block


@kernel
def _note(slots, num_slots, frame_index, number, stay, frames, counts, lasts):
    for k in range(cuda.grid(1), min(num_slots[0], slots.shape[0]), cuda.gridsize(1)):
        note_block(slots[k], frame_index[0], number[0], stay, frames, counts, lasts)


def note_view(slots, frame_index, number, stay, frames, counts, lasts, num_slots=None):
    if num_slots is None:
        num_slots = full((1,), len(slots), torch.int32)
    launch(
        _note, STRIDED_BLOCKS, THREADS, slots, num_slots, frame_index, number, stay, frames, counts,
        lasts,
    )  # fmt: skip
