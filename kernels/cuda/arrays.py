"""Arrays to the device and back."""

from typing import Any

import numpy as np
import torch

from kernels.cuda.launch import IS_SIMULATED

DEVICE = torch.device("cpu" if IS_SIMULATED else "cuda")
poisons = False  # whether `empty` holds garbage, so that checks see what a kernel does not write
# torch computes with signed integers only, and copies the others as such
_SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def to_device(value: Any) -> Any:
    """Return a NumPy array, or a tuple (of tuples) of arrays, as tensors of their own on the
    device. All else stays as it is.
    """
    if isinstance(value, np.ndarray):
        tensor = torch.from_numpy(np.array(value, order="C"))
        signed = _SIGNED.get(tensor.dtype, tensor.dtype)
        return tensor.view(signed).to(DEVICE).view(tensor.dtype)
    return _mapped(to_device, value)


def to_host(value: Any) -> Any:
    """Return a tensor, or a tuple (of tuples) of tensors, as NumPy arrays of their own."""
    if isinstance(value, torch.Tensor):
        signed = _SIGNED.get(value.dtype, value.dtype)
        return value.view(signed).cpu().view(value.dtype).numpy().copy()
    return _mapped(to_host, value)


def zeros(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return zeros on the device, of any type."""
    return torch.zeros(shape, dtype=_SIGNED.get(dtype, dtype), device=DEVICE).view(dtype)


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return memory on the device that nothing has been written to."""
    tensor = torch.empty(shape, dtype=dtype, device=DEVICE)
    return _poisoned(tensor) if poisons else tensor


def _poisoned(tensor: torch.Tensor) -> torch.Tensor:
    """Fill with what no kernel writes: NaN, or large numbers."""
    if tensor.dtype.is_floating_point:
        return tensor.fill_(float("nan"))
    tensor.view(torch.uint8).fill_(1 if tensor.dtype == torch.bool else 0x5A)
    return tensor


def full(shape: tuple[int, ...], value: float, dtype: torch.dtype) -> torch.Tensor:
    """Return a filled tensor on the device."""
    return torch.full(shape, value, dtype=dtype, device=DEVICE)


def _mapped(function: Any, value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    items = map(function, value)
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
