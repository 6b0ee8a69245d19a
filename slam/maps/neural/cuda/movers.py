"""What moves, found on a GPU; the method is that of `slam.maps.neural.movers`."""

from typing import Any

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.cuda.arrays import DEVICE, empty, full, to_device, zeros
from slam.gpu.device_frame import DeviceFrame
from slam.maps.neural.movers import (
    FREE_M,
    LATTICE,
    MAX_BLOCKS,
    MEMORY,
    NOISE,
    SPACING_M,
    TRUNCATION_M,
)

# With sigma(z) a third of z, the band of `touch_band` about half a ray is all of that ray.
WHOLE_RAY = np.array([0.0, 1.0 / 3.0, 0.0], np.float32)
ANY_LENGTH_M = (0.0, 1000.0)


class DeviceFreeSpace:
    """Remembers free space and finds the readings that contradict it."""

    def __init__(self) -> None:
        self._index: Any = to_device(block_ops.new_index(MAX_BLOCKS))
        self._blocks: Any = to_device(tsdf_ops.new_blocks(MAX_BLOCKS))
        self._stamps: Any = full((MAX_BLOCKS,), -1, torch.int32)
        self._visible: Any = full((MAX_BLOCKS,), -1, torch.int32)
        self._unit_m = TRUNCATION_M / 32000.0
        self._dither: Any = full((1024,), 0.5, torch.float32)
        self._noise, self._whole_ray = to_device((NOISE, WHOLE_RAY))
        self._no_color: Any = empty((0,), torch.uint32)

    def remember(self, frame: DeviceFrame) -> None:
        """Fuse a keyframe, with all that moves in it."""
        depth_m = frame.depth_m
        middle_m: Any = torch.where(depth_m > 0, 0.5 * (depth_m + TRUNCATION_M), 0.0)
        num_visible: Any = block_ops.touch_band(
            self._index, middle_m, frame.intrinsics, frame.T_world_camera, 8 * SPACING_M,
            self._whole_ray, ANY_LENGTH_M, 2 * LATTICE, self._stamps, frame.stamp, self._visible,
        )  # fmt: skip
        readings: Any = torch.cat([depth_m.flatten(), depth_m.new_zeros(1)])
        # normals that look at the camera: so coarse a grid needs no better ones
        facing: Any = zeros((frame.image_size[0] // 4, frame.image_size[1] // 4, 3), torch.float32)
        facing[:, :, 2] = 1.0
        tsdf_ops.integrate(
            self._index, self._blocks, self._visible, readings, facing, self._no_color,
            frame.image_size, frame.intrinsics, frame.T_camera_world, SPACING_M, self._unit_m,
            self._noise, (TRUNCATION_M, TRUNCATION_M), MEMORY, self._dither, num_visible,
        )  # fmt: skip

    def without_movers(self, frame: DeviceFrame, field: Any) -> torch.Tensor:
        """Return the depth image without the readings that lie in free space, where the field has
        no surface either.
        """
        depth_m, T = frame.depth_m, frame.T_world_camera
        h, w = frame.image_size
        z = depth_m[LATTICE // 2 :: LATTICE, LATTICE // 2 :: LATTICE]
        fx, fy, cx, cy = frame.intrinsics
        v = torch.arange(LATTICE // 2, h, LATTICE, device=DEVICE)[:, None]
        u = torch.arange(LATTICE // 2, w, LATTICE, device=DEVICE)
        x, y = (u - cx) / fx * z, (v - cy) / fy * z
        points: Any = torch.stack([x, y, z], -1).reshape(-1, 1, 3)
        points = (points * T[:3, :3]).sum(-1) + T[:3, 3]
        sdf_m, _, is_remembered = tsdf_ops.query(
            self._index, self._blocks, points, SPACING_M, self._unit_m
        )
        surface_m, _, is_valid = field_ops.query(field, points)
        is_surface: Any = is_valid & (abs(surface_m) < 0.5 * SPACING_M)
        is_free: Any = (z.flatten() > 0) & is_remembered & (sdf_m > FREE_M) & ~is_surface
        small = max_pool2d(is_free.reshape(1, *z.shape).float(), 3, stride=1, padding=1)[0] > 0
        rows, columns = small.shape
        cells = small[:, None, :, None].expand(rows, LATTICE, columns, LATTICE)
        is_mover = cells.reshape(rows * LATTICE, columns * LATTICE)[:h, :w]
        kept = depth_m.clone()
        kept[: is_mover.shape[0], : is_mover.shape[1]].masked_fill_(is_mover, 0.0)
        return kept
