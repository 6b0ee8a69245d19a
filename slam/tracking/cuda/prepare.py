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
from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.gpu.upload import uploaded
from slam.tracking.prepare import CLOUD_LEVEL
from slam.tracking.stages import STAGES

NUM_LEVELS = max(CLOUD_LEVEL, *(stage.level for stage in STAGES))


@dataclass(frozen=True)
class DeviceLevel:
    """One pyramid level."""

    depth_m: Any  # float32 (h, w)
    gray: Any  # float32 (h, w)
    intrinsics: Any  # float32 (4,)


@dataclass(frozen=True)
class PreparedTensors:
    """A frame as the kernels use it. Later frames of the same camera are written to the same
    tensors, as soon as their making has been captured.
    """

    levels: dict[int, DeviceLevel]
    cloud: FrameCloud


class Preparation:
    """Prepares the frames of one camera; nothing waits for it."""

    def __init__(self, camera: Camera, noise: DepthNoise) -> None:
        self.of = camera, noise
        self.prepared: PreparedTensors | None = None
        size = camera.height, camera.width
        self._depth_m = zeros(size, torch.float32)
        self._color = zeros((*size, 3), torch.uint8)  # the last one, for a frame without
        self._noise = to_device(noise.coefficients)
        self._intrinsics = {}
        for level in range(1, NUM_LEVELS + 1):
            camera = camera.scaled(0.5)
            self._intrinsics[level] = to_device(camera.intrinsics)
        self._graph = Graph()

    def run(self, frame: Frame) -> None:
        """Prepare a frame: `prepared` holds it."""
        images = uploaded(frame)
        self._depth_m.copy_(images.depth_m)
        if images.color is not None:
            self._color.copy_(images.color)
        self._graph.run(self._enqueue)

    def _enqueue(self) -> None:
        depth_m, gray = self._depth_m, image_ops.gray(self._color)
        levels = {}
        for level, intrinsics in self._intrinsics.items():
            depth_m = depth_ops.halve_depth(depth_m, self._noise)
            gray = image_ops.halve_gray(gray)
            levels[level] = DeviceLevel(depth_m, gray.to(torch.float32), intrinsics)
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
