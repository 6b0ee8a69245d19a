"""Compiles (or loads from numba's cache) every kernel of a run on a toy room, so that no frame
waits for it.
"""

import time
from dataclasses import replace

import cv2
import numpy as np

from kernels.dispatch import SIMULATES_CUDA
from slam.camera import Camera, DepthNoise
from slam.config import Config
from slam.device import DeviceKind
from slam.frame import Frame
from slam.maps.factory import new_map
from slam.places.memory import new_places
from slam.tracking.factory import dense_tracker

CAMERA = Camera(160, 120, 130.0, 130.0, 79.5, 59.5)


def warm_up(config: Config, device: DeviceKind = "cpu") -> float:
    """Run tracker and map over three frames of a slanted, textured wall; return the seconds it
    took. The simulator, which compiles nothing, has no need of it.
    """
    if SIMULATES_CUDA:
        return 0.0
    start_s = time.perf_counter()
    toy = replace(
        config,
        tsdf=replace(config.tsdf, voxel_size_m=0.05, budget_mb=64),
        neural=replace(config.neural, first_steps=1, steps=1, keyframe_every=1, budget_mb=64),
    )
    map_ = new_map(toy, DepthNoise.rendered(), device)
    places = new_places(config.places)
    tracker = dense_tracker(config.tracking, device, recogniser=places)
    for index in range(3):
        frame = _frame(index)
        result = tracker.track(frame, map_)
        map_.integrate(frame, result.T_world_camera)
        places.remember(frame, result.T_world_camera)
    far = replace(_frame(3), depth_m=_frame(3).depth_m + np.float32(1.0))
    tracker.track(far, map_)  # is lost, which takes the kernels of search and recognition
    map_.render(CAMERA.scaled(0.25), np.eye(4))
    map_.mesh()
    return time.perf_counter() - start_s


def _frame(index: int) -> Frame:
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width].astype(np.float32)
    depth_m = 1.0 + 0.002 * u + 0.2 * (v > 60)
    patches = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    color = cv2.resize(patches, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_NEAREST)
    return Frame(
        index, index / 30, CAMERA, depth_m.astype(np.float32), color, DepthNoise.rendered()
    )
