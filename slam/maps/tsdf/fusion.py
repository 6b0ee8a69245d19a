"""What a frame does before its readings are averaged: it lists blocks, and packs its colours."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt32

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.threads import take_free_threads
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.maps.readings import SurfaceReadings, stride_for
from slam.maps.schedule import FREE_STRIDE, dither_of, free_offset_of
from slam.maps.tsdf.fused_map import BAND_STRIDE, NEAR_M
from slam.maps.tsdf.storage import Storage

BLOCKS_A_PART = 512  # of a frame, which takes one core 4 ms; between parts threads are shared anew


@dataclass(frozen=True)
class FusionSizes:
    """What fusing takes of a map; see `kernels.tsdf.integrate`."""

    voxel_size_m: float
    sdf_unit_m: float
    truncation_m: tuple[float, float]
    max_weight: float


class Touched(NamedTuple):
    """The blocks that a frame updates, in a storage that may have grown."""

    storage: Storage
    visible: Int32[np.ndarray, "n"]
    fits: bool  # whether there was room for all


def touch(
    storage: Storage,
    frame: Frame,
    sure_depth_m: Float32[np.ndarray, "h w"],
    T_world_camera: Transform,
    number: int,
    sizes: FusionSizes,
) -> Touched:
    """List the blocks that a frame updates; the readings of `sure_depth_m` allocate them."""
    depth_m, noise = frame.depth_m, frame.depth_noise.coefficients
    T = np.ascontiguousarray(T_world_camera, np.float32)
    block_size_m, truncation_m = 8.0 * sizes.voxel_size_m, sizes.truncation_m
    while True:
        visible = np.empty(storage.capacity, np.int32)
        num_band = block_ops.touch_band(
            storage.index, sure_depth_m, frame.camera.intrinsics, T, block_size_m, noise,
            truncation_m, stride_for(frame.camera, BAND_STRIDE), storage.stamps, number, visible,
        )  # fmt: skip
        grown = storage.grown() if num_band < 0 else None
        if grown is None:
            break
        storage = grown
        storage.stamps[storage.stamps == number] = -1  # list them again
    fits = num_band >= 0
    if not fits:
        listed = np.flatnonzero(storage.stamps == number)
        num_band = len(listed)
        visible[:num_band] = listed
    num_visible = block_ops.touch_free(
        storage.index, depth_m, frame.camera.intrinsics, T, block_size_m, noise, truncation_m,
        FREE_STRIDE, free_offset_of(number), NEAR_M, storage.stamps, number, visible, num_band,
    )  # fmt: skip
    return Touched(storage, visible[:num_visible], fits)


def average(
    storage: Storage,
    slots: Int32[np.ndarray, "n"],
    frame: Frame,
    surface: SurfaceReadings,
    rgba: UInt32[np.ndarray, "m"],
    T_world_camera: Transform,
    number: int,
    sizes: FusionSizes,
) -> None:
    """Average a frame's readings into blocks, in place; `rgba` is its packed colour."""
    T_camera_world, dither = inverse(T_world_camera).astype(np.float32), dither_of(number)
    for first in range(0, len(slots), BLOCKS_A_PART):
        take_free_threads()
        tsdf_ops.integrate(
            storage.index,
            storage.blocks,
            slots[first : first + BLOCKS_A_PART],
            *surface,
            rgba,
            frame.depth_m.shape,
            frame.camera.intrinsics,
            T_camera_world,
            sizes.voxel_size_m,
            sizes.sdf_unit_m,
            frame.depth_noise.coefficients,
            sizes.truncation_m,
            sizes.max_weight,
            dither,
        )


class PackedColor:
    """A frame's colour as `kernels.tsdf.integrate` takes it, in an array that is used again."""

    def __init__(self) -> None:
        self._packed = np.zeros(0, np.uint32)

    def of(self, frame: Frame) -> UInt32[np.ndarray, "m"]:
        """Return it, with one pixel more that has none; empty for a frame without colour."""
        if frame.color is None:
            return np.empty(0, np.uint32)
        h, w = frame.depth_m.shape
        if len(self._packed) != h * w + 1:
            self._packed = np.zeros(h * w + 1, np.uint32)
        channels = self._packed[:-1].view(np.uint8).reshape(h, w, 4)
        cv2.cvtColor(frame.color, cv2.COLOR_RGB2RGBA, dst=channels)
        if frame.color_mask is not None:
            channels[..., 3] = 255 * frame.color_mask
        return self._packed
