"""The frame at hand on the GPU, where captured launches read it."""

from typing import Any

import numpy as np
import torch

from kernels.cuda.arrays import zeros
from kernels.cuda.inputs import Inputs
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.gpu.upload import uploaded


class DeviceFrame:
    """Images and what goes with them, in tensors that stay where they are; made for frames like one
    of them, with images of its size, and colour and its mask if it has these.
    """

    def __init__(self, like: Frame) -> None:
        self.image_size: tuple[int, int] = like.depth_m.shape
        self.has_color = like.color is not None
        self.has_mask = like.color_mask is not None
        self.depth_m: Any = zeros(self.image_size, torch.float32)
        self.color: Any = zeros((*self.image_size, 3) if self.has_color else (0, 0, 3), torch.uint8)
        self.color_mask: Any = zeros(self.image_size if self.has_mask else (0, 0), torch.bool)
        four, matrix = np.zeros(4, np.float32), np.zeros((4, 4), np.float32)
        inputs = Inputs(
            intrinsics=four,
            quarter_intrinsics=four,
            noise=np.zeros(3, np.float32),
            T_world_camera=matrix,
            T_camera_world=matrix,
            stamp=np.zeros(1, np.int32),
            index=np.zeros(1, np.int32),
            free_offset=np.zeros(2, np.int32),
            dither=np.zeros(1024, np.float32),
        )
        self._inputs = inputs
        self.intrinsics = inputs["intrinsics"]
        self.quarter_intrinsics = inputs["quarter_intrinsics"]
        self.noise = inputs["noise"]
        self.T_world_camera = inputs["T_world_camera"]
        self.T_camera_world = inputs["T_camera_world"]
        self.stamp = inputs["stamp"]  # int32 (1,): what the frame's blocks are stamped with
        self.index = inputs["index"]  # int32 (1,), of the source's frame
        self.free_offset = inputs["free_offset"]  # int32 (2,): see `kernels.blocks.touch_free`
        self.dither = inputs["dither"]

    def is_like(self, frame: Frame) -> bool:
        """Tell whether a frame has images like these."""
        images = frame.depth_m.shape, frame.color is not None, frame.color_mask is not None
        return images == (self.image_size, self.has_color, self.has_mask)

    def write(
        self,
        frame: Frame,
        T_world_camera: Transform,
        stamp: int,
        free_offset: tuple[int, int],
        dither: np.ndarray,
    ) -> None:
        """Become a frame; returns before the device has copied it."""
        images = uploaded(frame)
        self.depth_m.copy_(images.depth_m)
        if images.color is not None:
            self.color.copy_(images.color)
        if images.color_mask is not None:
            self.color_mask.copy_(images.color_mask)
        self._inputs.write(
            intrinsics=frame.camera.intrinsics,
            quarter_intrinsics=frame.camera.scaled(0.25).intrinsics,
            noise=frame.depth_noise.coefficients,
            T_world_camera=T_world_camera,
            T_camera_world=inverse(T_world_camera),
            stamp=stamp,
            index=frame.index,
            free_offset=free_offset,
            dither=dither,
        )
