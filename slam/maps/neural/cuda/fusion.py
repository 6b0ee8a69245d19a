"""A frame's part in the neural map before training, on a GPU: the base, and room on the levels."""

from functools import partial
from typing import Any

import torch

from kernels import blocks as block_ops
from kernels import movers
from kernels.cuda.arrays import zeros
from kernels.cuda.graph import Graph
from kernels.movers import FreeSpace
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.neural.cuda.grid import DeviceGrid
from slam.maps.neural.fusion import COLOR_STRIDE
from slam.maps.readings import SurfaceReadings, readings_of, stride_for
from slam.maps.schedule import dither_of, free_offset_of


class FrameFusion:
    """Leaves out what moves, allocates and fuses frames that are alike: the same launches for each,
    replayed, and nothing is read back.
    """

    def __init__(self, grid: DeviceGrid, free_space: FreeSpace | None, like: Frame) -> None:
        """Prepare for frames `like` one; without a `free_space` all readings stay."""
        self._base = grid.base.new_fusion(like)
        self.frame = self._base.frame
        self.readings: SurfaceReadings | None = None  # of the last keyframe
        self._color_stride = stride_for(like.camera, COLOR_STRIDE)
        self._grid = grid
        self._free_space = free_space
        self._first: Any = zeros((1,), torch.int32)
        self._graphs = {is_keyframe: Graph() for is_keyframe in (False, True)}

    def run(self, frame: Frame, T_world_camera: Transform, number: int, is_keyframe: bool) -> None:
        """Do it with a frame; returns before the device has."""
        self.frame.write(frame, T_world_camera, number, free_offset_of(number), dither_of(number))
        self._graphs[is_keyframe].run(partial(self._enqueue, is_keyframe))

    def _enqueue(self, is_keyframe: bool) -> None:
        frame = self.frame
        depth_m: Any = frame.depth_m
        if self._free_space is not None:
            view = depth_m, frame.intrinsics, frame.T_world_camera
            depth_m = movers.without_movers(self._free_space, self._grid.field.base, *view)
            if is_keyframe:
                movers.remember(self._free_space, *view, frame.T_camera_world, frame.stamp)
        readings = readings_of(depth_m, frame.quarter_intrinsics, frame.noise)
        self._fuse(depth_m, readings, is_keyframe)
        if is_keyframe:
            self.readings = readings

    def _fuse(self, depth_m: Any, readings: SurfaceReadings, is_keyframe: bool) -> None:
        frame, grid, config = self.frame, self._grid, self._grid.config
        index: Any = grid.base.on_device.blocks
        self._first.copy_(index.num_blocks)
        self._base.enqueue(depth_m, readings)
        num_refused = grid.base.counters[1:].clone()
        for level in (grid.middle, grid.fine):
            block_ops.cover_blocks(
                index, self._first, level.level.blocks, 8.0 * config.base_spacing_m,
                float(level.level.spacing_m),
            )  # fmt: skip
            # it does not say what it refused: a full level counts as refusing
            is_full = level.level.blocks.num_blocks == level.capacity
            num_refused += is_full * (index.num_blocks - self._first)
        if is_keyframe:
            color, band_m = grid.color, (config.color_spacing_m, config.color_spacing_m)
            # readings beside an edge are negative and allocate nothing: most outliers are such
            sure_depth_m: Any = readings.depth_m[:-1].reshape(frame.image_size)
            counts: Any = block_ops.touch_band(
                color.level.blocks, sure_depth_m, frame.intrinsics, frame.T_world_camera,
                color.block_size_m, frame.noise, band_m, self._color_stride, color.stamps,
                frame.stamp, color.visible,
            )  # fmt: skip
            num_refused += counts[1:]
        grid.num_refused += num_refused > 0
