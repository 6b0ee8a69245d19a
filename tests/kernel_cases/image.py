"""Colour images against OpenCV and NumPy."""

import cv2
import numpy as np

from kernel_cases.check import Case, check, gpu_check, to_device, to_host
from kernel_cases.depth import random_depth
from kernels import image as image_ops
from kernels.dispatch import using


@gpu_check
def image_color(case: Case) -> None:
    from kernels.cuda import image

    for h, w in ((0, 0), (0, 5), (1, 1), (5, 7), case.pick((30, 40), (480, 640))):
        color = case.random.integers(0, 256, (h, w, 3), np.uint8)
        packed = np.zeros((h * w + 1, 4), np.uint8)
        packed[:-1] = [[0, 0, 0, 255]]
        packed[:-1, :3] = color.reshape(-1, 3)
        everywhere, mask = np.empty((0, 0), bool), case.random.random((h, w)) < 0.7
        got = to_host(image.pack_color(*to_device((color, everywhere))))
        case.equal(f"packed {h} x {w}", got, packed.view(np.uint32)[:, 0])
        if mask.size:
            packed[:-1, 3] = 255 * mask.ravel()
            got = to_host(image.pack_color(*to_device((color, mask))))
            case.equal(f"packed with a mask {h} x {w}", got, packed.view(np.uint32)[:, 0])
        # OpenCV takes no empty image
        gray = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY) if color.size else np.empty((h, w), np.uint8)
        case.equal(f"grey {h} x {w}", to_host(image.gray(to_device(color))), gray)


@gpu_check
def image_pyramid(case: Case) -> None:
    from kernels.cuda import image

    for h, w in ((0, 0), (1, 1), (2, 2), (5, 7), case.pick((30, 40), (480, 640))):
        gray = case.random.integers(0, 256, (h, w), np.uint8)
        even = np.ascontiguousarray(gray[: h // 2 * 2, : w // 2 * 2])
        half = np.empty((h // 2, w // 2), np.uint8)
        if half.size:
            cv2.resize(even, (w // 2, h // 2), dst=half, interpolation=cv2.INTER_AREA)
        case.equal(f"half of {h} x {w}", to_host(image.halve_gray(to_device(gray))), half)


@check
def image_texture(case: Case) -> None:
    for h, w in ((0, 0), (1, 1), (2, 1), (5, 7), case.pick((30, 40), (480, 640))):
        intrinsics = np.array([0.9 * w + 1, 0.95 * w + 1, 0.49 * w, 0.52 * h], np.float32)
        depth_m = random_depth(case, (h, w))
        gray = case.random.integers(0, 25, (h, w)).astype(np.float32)
        gray[case.random.random((h, w)) < 0.05] = -1.0  # no colour
        for most in (2, max(h * w // 7, 2), h * w + 2):
            arguments = (gray, depth_m, intrinsics, 6.0, most)
            with using("reference"):
                wanted = image_ops.pick_textured(*arguments)
            got = to_host(image_ops.pick_textured(*to_device(arguments)))
            n, what = len(wanted.points), f"{most} of {h} x {w}"
            case.equal(f"number of {what}", got.count, wanted.count)
            case.equal(f"intensities of {what}", got.intensities[:n], wanted.intensities)
            case.close(f"points of {what}", got.points[:n], wanted.points, 1e-6, 1e-6)
            room = most if case.is_on_gpu else n
            case.true(f"arrays of {what}", len(got.points) == len(got.intensities) == room)
