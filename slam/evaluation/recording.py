"""Meshes against the recording itself: what a mesh shows at its system's poses, and what the
sensor saw. It needs no ground truth, and nothing of a system but its trajectory and its mesh.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.errors import BadFrameError
from slam.evaluation.rendering import psnr_db
from slam.evaluation.surface import Surface, camera_rays
from slam.frame import Frame
from slam.maps.base import Mesh
from slam.sources.base import Source
from slam.sources.depth_range import clamped
from slam.trajectory import Trajectory, associate

logger = logging.getLogger(__name__)
_STEP = 4  # every 4th pixel in both directions


@dataclass(frozen=True)
class Sample:
    """A frame at every 4th pixel, which are the pixels of `camera`."""

    index: int
    timestamp_s: float
    camera: Camera
    depth_m: Float32[np.ndarray, "h w"]
    color: UInt8[np.ndarray, "h w 3"] | None


@dataclass(frozen=True)
class RecordingScores:
    """How the recording differs from a mesh; NaN where there is nothing to compare."""

    num_frames: int
    depth_median_cm: float  # of the absolute error, over the pixels where both have depth
    depth_p95_cm: float
    hole_ratio: float  # share of the measured pixels where the mesh shows nothing
    psnr_db: float  # of the colours, over the pixels where the mesh shows something


@dataclass(frozen=True)
class RecordingErrors:
    """The scores, and the errors that they are of: depth of the mesh minus measured depth."""

    scores: RecordingScores
    errors_m: Float32[np.ndarray, "n"]


def read_usable(source: Source, index: int, config: PlaybackConfig) -> Frame | None:
    """Read a frame as a run does; None if it cannot be used."""
    try:
        return clamped(source.read(index), source.camera, config)
    except BadFrameError as error:
        logger.warning("skipped frame %d: %s", index, error)
        return None


def read_samples(source: Source, indices: Sequence[int], config: PlaybackConfig) -> list[Sample]:
    """Read frames thinned out, without those that cannot be used."""
    samples = []
    camera = _thinned(source.camera)
    for index in indices:
        frame = read_usable(source, index, config)
        if frame is not None:
            color = None if frame.color is None else _thin(frame.color)
            samples.append(Sample(index, frame.timestamp_s, camera, _thin(frame.depth_m), color))
    return samples


def compare_with_recording(
    mesh: Mesh, surface: Surface, trajectory: Trajectory, samples: Sequence[Sample]
) -> RecordingErrors:
    """Compare frames with a mesh, both in the world of the trajectory.

    Predicted surface should be left out of the mesh: it is no measurement.
    """
    stamps_s = np.array([sample.timestamp_s for sample in samples], dtype=np.float64)
    errors_m: list[np.ndarray] = []
    psnrs_db, num_measured, num_frames = [], 0, 0
    for place, pose in zip(*associate(stamps_s, trajectory.timestamps_s), strict=True):
        sample = samples[place]
        hits = surface.cast(camera_rays(sample.camera, trajectory.Ts_world_camera[pose]))
        measured_m = sample.depth_m.reshape(-1)
        is_measured, is_shown = measured_m > 0.0, hits.triangle >= 0
        errors_m.append((hits.t - measured_m)[is_measured & is_shown])
        num_measured += int(is_measured.sum())
        num_frames += 1
        if sample.color is not None:
            color = sample.color.reshape(-1, 3)[is_shown]
            shown = interpolated(mesh.colors, mesh, hits.triangle[is_shown], hits.weights[is_shown])
            psnrs_db.append(psnr_db(np.rint(shown).astype(np.uint8), color))
    all_errors_m = np.concatenate([*errors_m, np.empty(0, dtype=np.float32)])
    return RecordingErrors(_scores(all_errors_m, num_measured, num_frames, psnrs_db), all_errors_m)


def interpolated(
    of_vertices: UInt8[np.ndarray, "v c"] | Float32[np.ndarray, "v c"],
    mesh: Mesh,
    triangle: Int64[np.ndarray, "n"],
    weights: Float32[np.ndarray, "n 2"],
) -> Float32[np.ndarray, "n c"]:
    """Interpolate what belongs to vertices at points on triangles."""
    a, b, c = of_vertices[mesh.triangles[triangle]].astype(np.float32).transpose(1, 0, 2)
    return a + weights[:, :1] * (b - a) + weights[:, 1:] * (c - a)


def _scores(
    errors_m: Float32[np.ndarray, "n"], num_measured: int, num_frames: int, psnrs_db: list[float]
) -> RecordingScores:
    nan = float("nan")
    if not len(errors_m):
        return RecordingScores(num_frames, nan, nan, 1.0 if num_measured else nan, nan)
    median_m, p95_m = np.percentile(np.abs(errors_m), [50.0, 95.0])
    known_db = [value for value in psnrs_db if np.isfinite(value)]
    return RecordingScores(
        num_frames=num_frames,
        depth_median_cm=100.0 * float(median_m),
        depth_p95_cm=100.0 * float(p95_m),
        hole_ratio=1.0 - len(errors_m) / num_measured,
        psnr_db=float(np.mean(known_db)) if known_db else nan,
    )


def _thinned(camera: Camera) -> Camera:
    first = _STEP // 2
    width = len(range(first, camera.width, _STEP))
    height = len(range(first, camera.height, _STEP))
    cx, cy = (camera.cx - first) / _STEP, (camera.cy - first) / _STEP
    return Camera(width, height, camera.fx / _STEP, camera.fy / _STEP, cx, cy)


def _thin(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP])
