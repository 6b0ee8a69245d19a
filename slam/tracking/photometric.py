"""The photometric residual: the last keyframe's pixels should look the same now."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from kernels import align as align_ops
from kernels.align import NormalEquations
from slam.geometry import Transform, inverse
from slam.tracking.prepare import PreparedFrame

MIN_GRADIENT = 6.0  # grey levels a pixel; flatter pixels carry no information
MAX_POINTS = 4000  # a level


@dataclass(frozen=True)
class KeyframeLevel:
    """Textured points of one pyramid level, in the keyframe's camera frame."""

    points: Float32[np.ndarray, "n 3"]
    intensities: Float32[np.ndarray, "n"]


@dataclass(frozen=True)
class PhotometricKeyframe:
    """A posed frame whose pixels later frames are compared with."""

    T_world_keyframe: Transform
    levels: dict[int, KeyframeLevel]


def make_keyframe(
    prepared: PreparedFrame, T_world_keyframe: Transform
) -> PhotometricKeyframe | None:
    """Pick the textured pixels of a frame; None where it has no colour."""
    levels = {}
    for l, level in prepared.levels.items():
        if level.gray is None:
            return None
        gray, depth_m, camera = level.gray, level.depth_m, level.camera
        du = np.zeros_like(gray)
        dv = np.zeros_like(gray)
        du[:, 1:-1] = 0.5 * (gray[:, 2:] - gray[:, :-2])
        dv[1:-1] = 0.5 * (gray[2:] - gray[:-2])
        has_texture = (du * du + dv * dv > MIN_GRADIENT**2) & (depth_m > 0)
        v, u = np.nonzero(has_texture)
        if len(v) > MAX_POINTS:
            keep = np.arange(MAX_POINTS) * (len(v) - 1) // (MAX_POINTS - 1)
            v, u = v[keep], u[keep]
        z = depth_m[v, u]
        x = (u.astype(np.float32) - np.float32(camera.cx)) / np.float32(camera.fx)
        y = (v.astype(np.float32) - np.float32(camera.cy)) / np.float32(camera.fy)
        levels[l] = KeyframeLevel(np.stack([x * z, y * z, z], axis=1), gray[v, u])
    return PhotometricKeyframe(T_world_keyframe, levels)


class PhotometricTerm:
    """Intensity residuals of a frame against a keyframe, with one brightness offset that follows
    the iterations.
    """

    def __init__(
        self, keyframe: PhotometricKeyframe, prepared: PreparedFrame, sigma: float
    ) -> None:
        self._keyframe = keyframe
        self._prepared = prepared
        self._sigma = sigma
        self._offset = 0.0

    def equations(self, level: int, T_world_camera: Transform, scale: float) -> NormalEquations:
        """Linearise at T_world_camera on one pyramid level."""
        here, there = self._prepared.levels[level], self._keyframe.levels[level]
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
