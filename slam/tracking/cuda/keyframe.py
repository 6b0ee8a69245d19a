"""The photometric keyframe on the GPU."""

from typing import Any

import torch

from kernels.cuda.arrays import zeros
from kernels.cuda.state import PhotometricLevel
from kernels.image import pick_textured
from slam.tracking.cuda.prepare import DeviceLevel, PreparedTensors
from slam.tracking.photometric import MAX_POINTS, MIN_GRADIENT
from slam.tracking.stages import STAGES


class KeyframeTensors:
    """Textured points of the levels that the stages use, always in the same tensors."""

    def __init__(self) -> None:
        self._of = {
            stage.level: (
                zeros((MAX_POINTS, 3), torch.float32),
                zeros((MAX_POINTS,), torch.float32),
                zeros((1,), torch.int32),
            )
            for stage in STAGES
        }

    def pick(self, prepared: PreparedTensors) -> None:
        """Take the points of a frame; nothing is read back."""
        for number, (points, intensities, num_points) in self._of.items():
            level = prepared.levels[number]
            most = _most(level)
            found: Any = pick_textured(
                level.gray, level.depth_m, level.intrinsics, MIN_GRADIENT, most
            )
            points[:most].copy_(found[0])
            intensities[:most].copy_(found[1])
            num_points.copy_(found[2])

    def against(self, prepared: PreparedTensors) -> list[PhotometricLevel]:
        """Return each stage's residuals of a frame."""
        levels = []
        for stage in STAGES:
            points, intensities, num_points = self._of[stage.level]
            level = prepared.levels[stage.level]
            most = _most(level)
            levels.append(
                PhotometricLevel(
                    points[:most], intensities[:most], num_points, level.gray, level.depth_m,
                    level.intrinsics,
                )
            )  # fmt: skip
        return levels


def _most(level: DeviceLevel) -> int:
    return min(MAX_POINTS, level.gray.numel())
