"""How much of the GPU's memory a map may take."""

import logging

import torch

from kernels.cuda.launch import IS_SIMULATED

logger = logging.getLogger(__name__)


def granted_bytes(budget_bytes: int) -> int:
    """Return a map's budget, or half of what is free on the GPU where that is less."""
    if IS_SIMULATED:
        return budget_bytes
    free, _ = torch.cuda.mem_get_info()
    free += torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # torch keeps it for us
    if budget_bytes > free // 2:
        logger.warning(
            "of %d MB for the map the GPU has %d: half of what is free",
            budget_bytes // 10**6,
            free // 2 // 10**6,
        )
    return min(budget_bytes, free // 2)
