"""How much of the GPU's memory a map may take."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kernels.cuda.launch import IS_SIMULATED
from slam.errors import SlamError

logger = logging.getLogger(__name__)
LEAST_BYTES = 64 * 10**6  # a room at 2 cm


def granted_bytes(budget_bytes: int) -> int:
    """Return a map's budget, or half of what is free on the GPU where that is less; raise SlamError
    where that is too little for a map.
    """
    if IS_SIMULATED:
        return budget_bytes
    free, _ = torch.cuda.mem_get_info()
    free += torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # torch keeps it for us
    granted = min(budget_bytes, free // 2)
    least = min(budget_bytes, LEAST_BYTES)
    if granted < least:
        raise SlamError(
            f"the GPU has only {_mb(free)} free; a map gets half of that and needs {_mb(least)}: "
            "end what else uses the GPU, or take --device cpu"
        )
    if granted < budget_bytes:
        logger.warning(
            "the GPU has %s free; the map gets half of it, %s, instead of %s",
            _mb(free),
            _mb(granted),
            _mb(budget_bytes),
        )
    return granted


@contextmanager
def reserving(num_bytes: int, option: str) -> Iterator[None]:
    """Make a SlamError of it where a map's bytes are not there after all; `option` sets how many
    they are.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SlamError(
            f"the GPU has no {_mb(num_bytes)} for the map: lower {option}, or take --device cpu"
        ) from error


def _mb(num_bytes: int) -> str:
    return f"{num_bytes // 10**6:,} MB"
