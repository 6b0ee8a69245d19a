"""Which images reach the computer: low frame rates, dropped frames, and slipped colour."""

import numpy as np
from jaxtyping import Float64, Int64

from slam.config import NoiseConfig


def kept_frames(
    timestamps_s: Float64[np.ndarray, "n"], config: NoiseConfig
) -> Int64[np.ndarray, "k"]:
    """Return the indices of the frames that are left at a frame rate, without the dropped share.

    A frame is due a period after the last one that was due, with a tenth of a period's grace for
    the jitter of time stamps. The first frame always comes.
    """
    is_kept = np.ones(len(timestamps_s), dtype=bool)
    if config.frame_rate_hz > 0:
        period_s, due_s = 1.0 / config.frame_rate_hz, -np.inf
        for index, stamp_s in enumerate(timestamps_s):
            is_kept[index] = stamp_s >= due_s - 0.1 * period_s
            if is_kept[index]:
                due_s = (due_s if stamp_s - due_s < period_s else stamp_s) + period_s
    rng = np.random.Generator(np.random.SFC64([config.seed, 1 << 32]))
    is_kept[1:] &= rng.random(len(timestamps_s))[1:] >= config.dropped
    return np.flatnonzero(is_kept)


def color_slip(index: int, config: NoiseConfig) -> int:
    """Return by how many images the colour of a frame is ahead of its depth: 0, -1 or 1, as where
    two streams that are not synchronised are paired by time.
    """
    if config.color_slips == 0:
        return 0
    rng = np.random.Generator(np.random.SFC64([config.seed, 2 << 32, index]))
    chance = rng.random() / config.color_slips
    return 0 if chance >= 1.0 else -1 if chance < 0.5 else 1
