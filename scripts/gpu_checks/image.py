"""Colour images against OpenCV and NumPy."""

from unittest import mock

import cv2
import numpy as np

from gpu_checks.check import Case, check
from gpu_checks.depth import random_depth
from kernels.cuda import image
from kernels.cuda.arrays import to_device, to_host
from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.tracking import photometric
from slam.tracking.prepare import Level, PointCloud, PreparedFrame

NO_POINTS = PointCloud(np.empty((0, 3), np.float32), np.empty(0, np.float32))


@check
def image_color(case: Case) -> None:
    for h, w in ((0, 0), (0, 5), (1, 1), (5, 7), case.pick((30, 40), (480, 640))):
        color = case.random.integers(0, 256, (h, w, 3), np.uint8)
        packed = np.zeros((h * w + 1, 4), np.uint8)
        packed[:-1] = [[0, 0, 0, 255]]
        packed[:-1, :3] = color.reshape(-1, 3)
        got = to_host(image.pack_color(to_device(color)))
        case.equal(f"packed {h} x {w}", got, packed.view(np.uint32)[:, 0])
        # OpenCV takes no empty image
        gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY) if color.size else np.empty((h, w), np.uint8)
        case.equal(f"grey {h} x {w}", to_host(image.gray(to_device(color))), gray)


@check
def image_pyramid(case: Case) -> None:
    for h, w in ((0, 0), (1, 1), (2, 2), (5, 7), case.pick((30, 40), (480, 640))):
        gray = case.random.integers(0, 256, (h, w), np.uint8)
        even = np.ascontiguousarray(gray[: h // 2 * 2, : w // 2 * 2])
        half = np.empty((h // 2, w // 2), np.uint8)
        if half.size:
            cv2.resize(even, (w // 2, h // 2), dst=half, interpolation=cv2.INTER_AREA)
        case.equal(f"half of {h} x {w}", to_host(image.halve_gray(to_device(gray))), half)


def keyframe_level(
    gray: np.ndarray, depth_m: np.ndarray, camera: Camera, most: int
) -> photometric.KeyframeLevel:
    """Return what the tracker picks."""
    frame = Frame(0, 0.0, camera, depth_m, None, DepthNoise())
    prepared = PreparedFrame(frame, {1: Level(camera, depth_m, gray)}, NO_POINTS)
    with mock.patch.object(photometric, "MAX_POINTS", most):
        keyframe = photometric.make_keyframe(prepared, np.eye(4))
    assert keyframe is not None
    return keyframe.levels[1]


@check
def image_texture(case: Case) -> None:
    for h, w in ((0, 0), (1, 1), (2, 1), (5, 7), case.pick((30, 40), (480, 640))):
        camera = Camera(w, h, 0.9 * w + 1, 0.95 * w + 1, 0.49 * w, 0.52 * h)
        depth_m = random_depth(case, (h, w))
        gray = case.random.integers(0, 25, (h, w)).astype(np.float32)
        for most in (2, max(h * w // 7, 2), h * w + 2):
            wanted = keyframe_level(gray, depth_m, camera, most)
            points, intensities, count = to_host(
                image.pick_textured(
                    *to_device((gray, depth_m, camera.intrinsics)), photometric.MIN_GRADIENT, most
                )
            )
            n, what = len(wanted.points), f"{most} of {h} x {w}"
            case.equal(f"number of {what}", count, np.array([n], np.int32))
            case.equal(f"intensities of {what}", intensities[:n], wanted.intensities)
            case.close(f"points of {what}", points[:n], wanted.points, 1e-6, 1e-6)
            case.true(f"buffers of {what}", len(points) == len(intensities) == most)
