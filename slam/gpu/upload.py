"""A frame's images on the GPU: tracker and map share one upload."""

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from slam.frame import Frame

if TYPE_CHECKING:
    import torch

NUM_KEPT = 4  # frames: the one that is tracked, and those that the mapping threads are behind


class UploadedFrame(NamedTuple):
    """Images as tensors."""

    depth_m: "torch.Tensor"  # float32 (h, w)
    color: "torch.Tensor | None"  # uint8 (h, w, 3)
    color_mask: "torch.Tensor | None"  # bool (h, w)


_kept: deque[tuple[Frame, UploadedFrame]] = deque(maxlen=NUM_KEPT)
_lock = Lock()


def uploaded(frame: Frame) -> UploadedFrame:
    """Return a frame's images on the device; the first call for a frame copies them."""
    with _lock:
        for known, images in _kept:
            if known is frame:
                return images
        color = None if frame.color is None else _upload(frame.color)
        mask = None if frame.color_mask is None else _upload(frame.color_mask)
        images = UploadedFrame(_upload(frame.depth_m), color, mask)
        _kept.append((frame, images))
        return images


def _upload(image: np.ndarray) -> "torch.Tensor":
    """Copy an image by way of page-locked memory: torch keeps that memory until the copy is made,
    and nothing waits for it.
    """
    import torch

    from kernels.cuda.arrays import DEVICE

    tensor = torch.from_numpy(np.ascontiguousarray(image))
    if DEVICE.type == "cpu":  # the simulator
        return tensor.clone()
    return tensor.pin_memory().to(DEVICE, non_blocking=True)
