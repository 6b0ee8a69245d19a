"""The photometric residual: the last keyframe's pixels should look the same now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from kernels import align as align_ops
from kernels import image as image_ops
from kernels.align import NormalEquations
from kernels.image import TexturedPoints
from slam.geometry import Transform, inverse
from slam.tracking.prepare import NUM_LEVELS, Level, PreparedFrame

MIN_GRADIENT = 6.0  # grey levels a pixel; flatter pixels carry no information
MAX_POINTS = 4000  # a level
SAME_SIGMAS = 3.0  # scale of the robust weight of a pixel that should look the same
MIN_SAME_SHARE = 0.2  # of a keyframe's points; where fewer are in view, the others speak against it
ALL_LEVELS = range(1, NUM_LEVELS + 1)


@dataclass(frozen=True)
class PhotometricKeyframe:
    """A posed frame whose pixels later frames are compared with."""

    T_world_keyframe: Transform
    levels: dict[int, TexturedPoints]


def make_keyframe(
    prepared: PreparedFrame, T_world_keyframe: Transform, at_levels: Iterable[int] = ALL_LEVELS
) -> PhotometricKeyframe | None:
    """Pick the textured pixels of a frame; None where it has no colour."""
    levels = {}
    for l in at_levels:
        level = prepared.levels[l]
        if level.gray is None:
            return None
        levels[l] = image_ops.pick_textured(
            level.gray, level.depth_m, level.camera.intrinsics, MIN_GRADIENT, MAX_POINTS
        )
    return PhotometricKeyframe(T_world_keyframe, levels)


class PhotometricTerm:
    """Intensity residuals of a frame against a keyframe, with one brightness offset that follows
    the iterations.
    """

    def __init__(
        self, keyframe: PhotometricKeyframe, levels: Mapping[int, Level], sigma: float
    ) -> None:
        self._keyframe = keyframe
        self._levels = levels
        self._sigma = sigma
        self._offset = 0.0

    def equations(self, level: int, T_world_camera: Transform, scale: float) -> NormalEquations:
        """Linearise at T_world_camera on one pyramid level."""
        here, there = self._levels[level], self._keyframe.levels[level]
        assert here.gray is not None
        equations = align_ops.align_photometric(
            there.points,
            there.intensities,
            here.gray,
            here.depth_m,
            here.camera.intrinsics,
            (inverse(T_world_camera) @ self._keyframe.T_world_keyframe).astype(np.float32),
            self._offset,
            self._sigma,
            scale,
        )
        if equations.weight > 0:
            self._offset += equations.signed_error / equations.weight * self._sigma
        return equations

    def same(self, level: int, T_world_camera: Transform, scale: float = SAME_SIGMAS) -> float:
        """Return the share of the keyframe's points in view that look the same from a pose."""
        self._offset = 0.0
        for _ in range(3):  # until the brightness is found
            equations = self.equations(level, T_world_camera, scale)
        num_points = len(self._keyframe.levels[level].points)
        return float(equations.weight / max(equations.count, MIN_SAME_SHARE * num_points, 1.0))
