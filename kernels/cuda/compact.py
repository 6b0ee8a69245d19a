"""Writing chosen items side by side in their order, without the host knowing how many there are."""

import torch

from kernels.cuda.arrays import zeros


def count_up(is_chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for flags, int32 (n,) of 0 or 1, how many are set up to and with each: a chosen item
    belongs at this number - 1. And how many are set in all, int32 (1,).
    """
    if len(is_chosen) == 0:
        return is_chosen, zeros((1,), torch.int32)
    ends = torch.cumsum(is_chosen, 0, dtype=torch.int32)
    return ends, ends[-1:]
