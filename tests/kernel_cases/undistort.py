"""Undistortion against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.depth import random_depth
from kernels.dispatch import using
from kernels.undistort import undistort_color, undistort_depth, undistortion_table

LENS = np.array([0.26, -0.95, -0.005, 0.003, 1.16, 0.0, 0.0, 0.0, 0.0, 1e9], np.float32)


@check
def undistortion(case: Case) -> None:
    for h, w in ((2, 2), (3, 7), case.pick((30, 40), (480, 640))):
        intrinsics = np.array([0.8 * w, 0.8 * w, 0.49 * w, 0.52 * h], np.float32)
        table = undistortion_table((h, w), intrinsics, LENS)
        color = case.random.integers(0, 256, (h, w, 3), np.uint8)
        depth_m = random_depth(case, (h, w))
        with using("reference"):
            wanted_color = undistort_color(color, table).astype(np.int16)
            wanted_m = undistort_depth(depth_m, table)
        on_device = to_device(table)
        got = to_host(undistort_color(to_device(color), on_device)).astype(np.int16)
        case.close(f"colour of {h} x {w}", got, wanted_color, 1.0)
        got = to_host(undistort_depth(to_device(depth_m), on_device))
        case.equal(f"depth of {h} x {w}", got, wanted_m)
