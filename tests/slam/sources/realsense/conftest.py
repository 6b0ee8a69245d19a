"""Sequences of ours as a RealSense would deliver them, and recordings of them by the SDK."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.geometry import Transform, inverse, se3_exp
from slam.scenes import room
from slam.sources.base import Source
from slam.sources.lens import Lens
from slam.sources.realsense.calibration import Calibration
from slam.sources.realsense.software import SoftwareCamera

pytest.importorskip("pyrealsense2", exc_type=ImportError)

# Much like a D435's, at half its usual resolution: depth sees more than colour, which lies beside
# it and is not quite parallel.
DEPTH_CAMERA = Camera(320, 240, 195.0, 195.0, 159.1, 119.6)
COLOR_CAMERA = Camera(424, 240, 270.0, 270.5, 213.2, 118.7)
T_COLOR_DEPTH = se3_exp(np.array([0.015, 0.0004, -0.0002, 0.002, -0.003, 0.001]))
D435 = Calibration(
    depth=Lens(DEPTH_CAMERA),
    depth_unit_m=0.001,
    fps=30.0,
    color=Lens(COLOR_CAMERA, "inverse_brown_conrady", (0.05, -0.08, 0.001, -0.001, 0.02)),
    T_color_depth=T_COLOR_DEPTH,
    baseline_m=0.05,
)
PINHOLE = Calibration(
    depth=Lens(DEPTH_CAMERA),
    depth_unit_m=0.001,
    fps=30.0,
    color=Lens(COLOR_CAMERA),
    T_color_depth=T_COLOR_DEPTH,
    baseline_m=0.05,
)
# For whole runs: slow enough for a busy machine, and as precise as the rendered depth is.
SLOW = replace(PINHOLE, fps=10.0, baseline_m=0.5)
NUM_SLOW = 30


@dataclass(frozen=True)
class Shot:
    """What both cameras see at once."""

    number: int
    timestamp_s: float
    depth: np.ndarray  # uint16, stored values
    color: np.ndarray | None


def room_poses(num_frames: int) -> list[Transform]:
    """The depth camera's poses on its walk through the synthetic room."""
    return list(room.walk().poses(num_frames))


def room_shots(num_frames: int, calibration: Calibration = PINHOLE, first: int = 1) -> list[Shot]:
    """Render the room for both cameras, each from its own place, with 12 bits of a millimetre."""
    scene = room.scene()
    assert calibration.color is not None
    assert calibration.T_color_depth is not None
    shots = []
    for i, T_world_depth in enumerate(room_poses(num_frames)):
        depth_m, _ = scene.render(calibration.depth.camera, T_world_depth)
        T_world_color = T_world_depth @ inverse(calibration.T_color_depth)
        _, color = scene.render(calibration.color.camera, T_world_color)
        depth = np.rint(depth_m / calibration.depth_unit_m).astype(np.uint16)
        shots.append(Shot(first + i, 1000.0 + i / calibration.fps, depth, color))
    return shots


def shots_of(source: Source, num_frames: int, depth_unit_m: float = 0.001) -> list[Shot]:
    """Take a recording of ours, whose colour is registered, as a device's own."""
    frames = [source.read(index) for index in range(num_frames)]
    return [
        Shot(
            1 + frame.index,
            frame.timestamp_s,
            np.rint(frame.depth_m / depth_unit_m).astype(np.uint16),
            frame.color,
        )
        for frame in frames
    ]


def calibration_of_source(source: Source, depth_unit_m: float = 0.001) -> Calibration:
    """The cameras of a recording of ours: one for both."""
    return Calibration(
        Lens(source.camera), depth_unit_m, 30.0, Lens(source.camera), np.eye(4), baseline_m=None
    )


def push(camera: SoftwareCamera, shot: Shot) -> None:
    camera.push_depth(shot.depth, shot.number, shot.timestamp_s)
    if shot.color is not None:
        camera.push_color(shot.color, shot.number, shot.timestamp_s)


def record(path: Path, calibration: Calibration, shots: Iterable[Shot]) -> Path:
    """Record shots with the SDK's own recorder."""
    import pyrealsense2 as rs

    camera = SoftwareCamera(calibration)
    recorder = rs.recorder(str(path), camera.device)
    queues, sensors = [], recorder.query_sensors()
    for sensor in sensors:
        queues.append(rs.frame_queue(1))
        sensor.open(sensor.get_stream_profiles())
        sensor.start(queues[-1])
    for shot in shots:
        push(camera, shot)
        time.sleep(0.001)
    for sensor in sensors:
        sensor.stop()
        sensor.close()
    del recorder, sensors, sensor  # closes the file
    return path


def smooth_color(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A colour image without hard edges."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
