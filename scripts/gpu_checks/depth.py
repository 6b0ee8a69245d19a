"""Depth preparation against its definition."""

import numpy as np

from gpu_checks.check import Case, check
from kernels import depth as depth_ops
from kernels.cuda.arrays import to_device, to_host
from kernels.dispatch import using

NOISE = np.array([0.0015, -0.0015, 0.0019], np.float32)


def random_depth(case: Case, size: tuple[int, int]) -> np.ndarray:
    """Return two slanted surfaces with a jump between them, noise, and holes."""
    h, w = size
    v, u = np.mgrid[:h, :w]
    z = 1.5 + 0.002 * u + 0.001 * v + np.where(u > 0.6 * w, 0.7, 0.0)
    z += case.random.normal(size=size) * 0.002
    z[case.random.random(size) < 0.05] = 0.0
    return z.astype(np.float32)


@check
def depth_pyramid(case: Case) -> None:
    for size in ((0, 0), (1, 1), (5, 7), case.pick((30, 40), (480, 640))):
        depth_m = random_depth(case, size)
        with using("reference"):
            wanted = depth_ops.halve_depth(depth_m, NOISE)
        got = depth_ops.halve_depth(*to_device((depth_m, NOISE)))
        case.close(f"half of {size}", to_host(got), wanted, 1e-6, 1e-6, flips=1e-3)
