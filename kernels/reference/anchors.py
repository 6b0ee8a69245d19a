"""Noting frames in plain numpy: the definition."""

import numpy as np


def note_view(
    slots: np.ndarray,
    frame_index: int,
    number: int,
    stay: int,
    frames: np.ndarray,
    counts: np.ndarray,
    lasts: np.ndarray,
) -> None:
    """See `kernels.anchors.note_view`."""
    num = counts[slots]
    is_first = (num == 0) | ((num > 0) & (number - lasts[slots] <= stay))
    num = np.where(is_first, num + 1, -1)
    before = np.where(num == 1, 0.0, frames[slots].astype(np.float64))
    mean = before + (frame_index - before) / num
    frames[slots] = np.where(is_first, mean, frames[slots])
    counts[slots] = num
    lasts[slots] = number
