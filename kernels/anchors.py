"""Which frames blocks hang on; see `slam.maps.anchors`."""

from typing import Any

import numpy as np

from kernels.dispatch import check_array, implementation


def note_view(
    slots: np.ndarray,
    frame_index: Any,
    number: Any,
    stay: int,
    frames: np.ndarray,
    counts: np.ndarray,
    lasts: np.ndarray,
    num_slots: np.ndarray | None = None,
) -> None:
    """Take note, in place, that a frame has the blocks in `slots`, int32 (n,), in view, each once.

    `lasts`, int32 (capacity,), becomes the frame's `number`. The first stay of a block lasts as
    long as no more than `stay` numbers lie between two frames with it; `counts`, int32 (capacity,),
    has the frames of it so far, 0 before the first and -1 once it is over, and `frames`, float32
    (capacity,), the mean of their `frame_index`.

    On a GPU `frame_index` and `number` are tensors int32 (1,), and `num_slots` may say how much of
    `slots` counts, as in `kernels.tsdf.integrate`.
    """
    for name, array, dtype in (
        ("slots", slots, "int32"), ("frames", frames, "float32"), ("counts", counts, "int32"),
        ("lasts", lasts, "int32"),
    ):  # fmt: skip
        check_array(name, array, dtype, (None,))
    counted = () if num_slots is None else (num_slots,)
    implementation("anchors", slots).note_view(
        slots, frame_index, number, stay, frames, counts, lasts, *counted
    )
