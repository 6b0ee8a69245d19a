"""Fusing frames into a TSDF map on a GPU: one captured sequence of launches a frame."""

from typing import Any

import torch

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.anchors import note_view
from kernels.cuda.arrays import empty
from kernels.cuda.graph import Graph
from kernels.cuda.image import pack_color
from slam.config import TsdfConfig
from slam.frame import Frame
from slam.geometry import Transform
from slam.gpu.device_frame import DeviceFrame
from slam.maps.anchors import STAY
from slam.maps.readings import SurfaceReadings, readings_of, stride_for
from slam.maps.schedule import FREE_STRIDE, dither_of, free_offset_of
from slam.maps.tsdf.cuda.storage import TsdfStorage
from slam.maps.tsdf.fused_map import BAND_STRIDE, NEAR_M


class TsdfFusion:
    """Allocates and fuses frames that are alike: the same launches for each, replayed."""

    def __init__(
        self,
        storage: TsdfStorage,
        config: TsdfConfig,
        sdf_unit_m: float,
        truncation_m: tuple[float, float],
        like: Frame,
    ) -> None:
        self.frame = DeviceFrame(like)
        self._band_stride = stride_for(like.camera, BAND_STRIDE)
        self._storage = storage
        self._config = config
        self._sdf_unit_m = sdf_unit_m
        self._truncation_m = truncation_m
        self._no_color: Any = empty((0,), torch.uint32)
        self._graph = Graph()

    def run(self, frame: Frame, T_world_camera: Transform, number: int) -> None:
        """Do it with the frame of this number; returns before the device has."""
        self.frame.write(frame, T_world_camera, number, free_offset_of(number), dither_of(number))
        self._graph.run(self._enqueue)

    def _enqueue(self) -> None:
        frame = self.frame
        surface = readings_of(frame.depth_m, frame.quarter_intrinsics, frame.noise)
        self.enqueue(frame.depth_m, surface)

    def enqueue(self, depth_m: Any, surface: SurfaceReadings) -> None:
        """Enqueue the launches that fuse readings of `frame`; `depth_m` is what carves."""
        frame, config, band_m = self.frame, self._config, self._truncation_m
        index, voxels, stamps, visible, anchors, report = self._storage
        readings, normals = surface
        # readings beside an edge are negative and allocate nothing: most outliers are such
        sure_depth_m: Any = readings[:-1].reshape(frame.image_size)
        view = (frame.intrinsics, frame.T_world_camera, 8.0 * config.voxel_size_m, frame.noise)
        num_visible: Any = block_ops.touch_band(
            index, sure_depth_m, *view, band_m, self._band_stride, stamps, frame.stamp, visible
        )
        report[:1].copy_(index.num_blocks)
        report[1:].copy_(num_visible[1:])
        num_visible = block_ops.touch_free(
            index, depth_m, *view, band_m, FREE_STRIDE, frame.free_offset, NEAR_M, stamps,
            frame.stamp, visible, num_visible,
        )  # fmt: skip
        note_view(visible, frame.index, frame.stamp, STAY, *anchors, num_visible)
        rgba: Any = self._no_color
        if frame.has_color:
            rgba = pack_color(frame.color, frame.color_mask)
        tsdf_ops.integrate(
            index, voxels, visible, readings, normals, rgba, frame.image_size, frame.intrinsics,
            frame.T_camera_world, config.voxel_size_m, self._sdf_unit_m, frame.noise, band_m,
            config.max_weight, frame.dither, num_visible,
        )  # fmt: skip
