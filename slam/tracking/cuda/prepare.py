"""What the aligner computes once a frame, on the GPU; see `slam.tracking.prepare`."""

from dataclasses import dataclass
from typing import Any

import torch

from kernels.cuda import depth as depth_ops
from kernels.cuda import image as image_ops
from kernels.cuda.arrays import to_device, zeros
from kernels.cuda.graph import Graph
from kernels.cuda.median import medians
from kernels.cuda.state import FrameCloud
from slam.frame import Frame
from slam.gpu.upload import uploaded
from slam.tracking.prepare import CLOUD_LEVEL, HALF_SEEN, NO_GRAY, num_unhalved
from slam.tracking.stages import STAGES

NUM_LEVELS = max(CLOUD_LEVEL, *(stage.level for stage in STAGES))


@dataclass(frozen=True)
class DeviceLevel:
    """One pyramid level."""

    depth_m: Any  # float32 (h, w)
    gray: Any  # float32 (h, w), NO_GRAY where a pixel has no colour
    intrinsics: Any  # float32 (4,)


@dataclass(frozen=True)
class PreparedTensors:
    """A frame as the kernels use it. Later frames of the same camera are written to the same
    tensors, as soon as their making has been captured.
    """

    levels: dict[int, DeviceLevel]
    cloud: FrameCloud


class Preparation:
    """Prepares frames of one camera, that of `like`; nothing waits for it."""

    def __init__(self, like: Frame) -> None:
        camera, noise = like.camera, like.depth_noise
        self._of = camera, noise
        self.prepared: PreparedTensors | None = None
        size = camera.height, camera.width
        self._depth_m = zeros(size, torch.float32)
        self._color = zeros((*size, 3), torch.uint8)  # the last one, for a frame without
        self._mask = zeros(size if like.color_mask is not None else (0, 0), torch.bool)
        self._noise = to_device(noise.coefficients)
        self._num_unhalved = num_unhalved(camera)
        self._intrinsics = {}
        for level in range(1, NUM_LEVELS + 1):
            camera = camera.scaled(0.5) if level > self._num_unhalved else camera
            self._intrinsics[level] = to_device(camera.intrinsics)
        self._graph = Graph()

    def is_for(self, frame: Frame) -> bool:
        """Tell whether it can prepare a frame: of the camera, and with no mask that it has no room
        for.
        """
        has_room = frame.color_mask is None or len(self._mask) > 0
        return has_room and self._of == (frame.camera, frame.depth_noise)

    def run(self, frame: Frame) -> None:
        """Prepare a frame: `prepared` holds it."""
        images = uploaded(frame)
        self._depth_m.copy_(images.depth_m)
        if images.color is not None:
            self._color.copy_(images.color)
        if images.color_mask is None:
            self._mask.fill_(True)
        else:
            self._mask.copy_(images.color_mask)
        self._graph.run(self._enqueue)

    def _enqueue(self) -> None:
        depth_m, gray = self._depth_m, image_ops.gray(self._color)
        mask = self._mask.to(torch.uint8) * 255
        levels = {}
        for level, intrinsics in self._intrinsics.items():
            if level > self._num_unhalved:
                depth_m = depth_ops.halve_depth(depth_m, self._noise)
                gray = image_ops.halve_gray(gray)
                mask = image_ops.halve_gray(mask) if len(mask) > 0 else mask
            levels_of_gray = gray.to(torch.float32)
            if len(mask) > 0:
                levels_of_gray = torch.where(mask >= HALF_SEEN, levels_of_gray, float(NO_GRAY))
            levels[level] = DeviceLevel(depth_m, levels_of_gray, intrinsics)
        self.prepared = PreparedTensors(levels, self._cloud(levels[CLOUD_LEVEL]))

    def _cloud(self, level: DeviceLevel) -> FrameCloud:
        """Unproject a level where it has a slope."""
        gradient = depth_ops.inverse_depth_gradient(level.depth_m, self._noise)
        points, sigma_m, num_points = depth_ops.collect_points(
            level.depth_m, gradient, level.intrinsics, self._noise
        )
        lever_m, median_sigma_m = medians(
            points, sigma_m[:, None], num_points, columns=(2, 0)
        ).split(1)
        return FrameCloud(points, sigma_m, num_points, lever_m, median_sigma_m)
