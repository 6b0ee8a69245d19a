"""Small inputs that change from run to run while captured launches go on reading the same place."""

from typing import Any

import numpy as np
import torch

from kernels.cuda.arrays import DEVICE, zeros

ALIGNMENT = 16  # bytes, at the start of each array


class Inputs:
    """Arrays in one piece of the device's memory: one copy writes them all, and nothing waits.

    Made from templates, whose types and shapes the arrays have; `inputs["name"]` is a tensor.
    """

    def __init__(self, **templates: np.ndarray) -> None:
        self._host: dict[str, np.ndarray] = {}
        self._tensors: dict[str, torch.Tensor] = {}
        sizes = [-(-array.nbytes // ALIGNMENT) * ALIGNMENT for array in templates.values()]
        self._staged = np.zeros(sum(sizes), np.uint8)
        self._device = zeros((sum(sizes),), torch.uint8)
        first = 0
        for (name, array), size in zip(templates.items(), sizes, strict=True):
            part = slice(first, first + array.nbytes)
            dtype = torch.from_numpy(np.zeros(0, array.dtype)).dtype
            self._host[name] = self._staged[part].view(array.dtype).reshape(array.shape)
            self._host[name][...] = array
            self._tensors[name] = self._device[part].view(dtype).view(array.shape)
            first += size
        self.write()

    def __getitem__(self, name: str) -> Any:
        return self._tensors[name]

    def write(self, **values: Any) -> None:
        """Give some arrays new values. All are written, so what the device has changed in the
        others is lost.
        """
        for name, value in values.items():
            self._host[name][...] = value
        staged = torch.from_numpy(self._staged)
        if DEVICE.type == "cpu":  # the simulator
            self._device.copy_(staged)
        else:  # torch keeps the page-locked copy until the device has read it
            self._device.copy_(staged.pin_memory(), non_blocking=True)
