"""The rays of all keyframes on a GPU, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int32

from kernels.cuda.arrays import to_device, to_host, zeros
from kernels.rays import Rays
from slam.maps.keyframes import NUM_PROBES, Keyframe

FIRST_CAPACITY = 1 << 18
RAY_BYTES = 16


@dataclass
class PooledKeyframe(Keyframe):
    """A keyframe whose rays are in a pool; `rays` are some of them, by which overlaps are told."""

    first_ray: int = 0
    num_pooled: int = 0

    @property
    def num_rays(self) -> int:
        return self.num_pooled

    @property
    def nbytes(self) -> int:
        return RAY_BYTES * self.num_pooled

    def drop_rays(self) -> None:
        super().drop_rays()
        self.num_pooled = 0


class RayPool:
    """Rays of keyframes, of which the last may go. Where they no longer fit, `rays` are new."""

    def __init__(self, capacity: int = FIRST_CAPACITY) -> None:
        self._num_rays = 0
        self._words = zeros((4, capacity), torch.int32)
        self.rays: Any = _rays_of(self._words)

    def keep(self, keyframe: Keyframe) -> PooledKeyframe:
        """Take the rays of a keyframe that has them on the device."""
        words = _words_of(keyframe.rays)
        n, first = words.shape[1], self._num_rays
        self._make_room(first + n)
        self._words[:, first : first + n] = words
        self._num_rays += n
        probes, far_m = _probes(words)
        kept = PooledKeyframe(
            keyframe.frame_index, keyframe.camera, keyframe.T_world_camera, probes,
            keyframe.has_color, keyframe.T_world_tracked, keyframe.is_own, first_ray=first,
            num_pooled=n,
        )  # fmt: skip
        kept.far_m = far_m
        return kept

    def release(self, last: PooledKeyframe) -> None:
        """Take back the room of the last keyframe that has rays."""
        assert last.first_ray + last.num_pooled == self._num_rays
        self._num_rays = last.first_ray

    def _make_room(self, num_rays: int) -> None:
        capacity = self._words.shape[1]
        while capacity < num_rays:
            capacity *= 2
        if capacity > self._words.shape[1]:
            grown = zeros((4, capacity), torch.int32)
            grown[:, : self._num_rays] = self._words[:, : self._num_rays]
            self._words, self.rays = grown, _rays_of(grown)

    def downloaded(self, keyframes: Sequence[PooledKeyframe]) -> list[Keyframe]:
        """Return keyframes with all their rays in the host's memory."""
        words = to_host(self._words[:, : self._num_rays])
        return [
            Keyframe(
                keyframe.frame_index, keyframe.camera, keyframe.T_world_camera,
                _host_rays(words[:, keyframe.first_ray :][:, : keyframe.num_pooled]),
                keyframe.has_color, keyframe.T_world_tracked, keyframe.is_own,
            )
            for keyframe in keyframes
        ]  # fmt: skip


def _rays_of(words: torch.Tensor) -> Any:
    """Return rows of words as rays, which have four bytes in each of their parts."""
    pixel, depth_m, slope, rgbw = words
    parts: Any = (
        pixel.view(torch.uint32),
        depth_m.view(torch.float32),
        slope.view(torch.float32),
        rgbw.view(torch.uint8).reshape(-1, 4),
    )
    return Rays(*parts)


def _words_of(rays: Any) -> torch.Tensor:
    return torch.stack([part.reshape(-1).view(torch.int32) for part in rays])


def _host_rays(words: Int32[np.ndarray, "4 n"]) -> Rays:
    pixel, depth_m, slope, rgbw = np.ascontiguousarray(words)
    return Rays(
        pixel.view(np.uint32), depth_m.view(np.float32), slope.view(np.float32),
        rgbw.view(np.uint8).reshape(-1, 4),
    )  # fmt: skip


def _probes(words: torch.Tensor) -> tuple[Rays, float]:
    """Return on the host those rays that `Keyframes` tells overlaps by, and `far_m` of all."""
    n = words.shape[1]
    if n == 0:
        return _host_rays(np.zeros((4, 0), np.int32)), 0.0
    pick = to_device(np.linspace(0, n - 1, NUM_PROBES).astype(np.int64))
    far_m = torch.quantile(words[1].view(torch.float32), 0.9).reshape(1)
    found = to_host(torch.cat([words[:, pick].flatten(), far_m.view(torch.int32)]))
    return _host_rays(found[:-1].reshape(4, -1)), float(found[-1:].view(np.float32)[0])
