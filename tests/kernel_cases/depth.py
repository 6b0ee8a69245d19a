"""Depth preparation against its definition."""

from collections.abc import Iterator

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernels import depth as depth_ops
from kernels.depth import NO_GRADIENT
from kernels.dispatch import using

NOISE = np.array([0.0015, -0.0015, 0.0019], np.float32)
FLIPS = 1e-3  # readings within a rounding error of a jump threshold are rarer by far


def random_depth(case: Case, size: tuple[int, int]) -> np.ndarray:
    """Return two slanted surfaces with a jump between them, noise, and holes."""
    h, w = size
    v, u = np.mgrid[:h, :w]
    z = 1.5 + 0.002 * u + 0.001 * v + np.where(u > 0.6 * w, 0.7, 0.0)
    z += case.random.normal(size=size) * 0.002
    z[case.random.random(size) < 0.05] = 0.0
    return z.astype(np.float32)


def images(case: Case) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield depth images of all sizes, each with the intrinsics of its camera."""
    sizes = (0, 0), (0, 5), (5, 0), (1, 1), (1, 9), (2, 2), (3, 4), (5, 7), (17, 33)
    for h, w in (*sizes, case.pick((30, 40), (480, 640))):
        intrinsics = np.array([0.9 * w + 1, 0.95 * w + 1, 0.49 * w, 0.52 * h], np.float32)
        yield random_depth(case, (h, w)), intrinsics


@check
def depth_pyramid(case: Case) -> None:
    for depth_m, _ in images(case):
        with using("reference"):
            wanted = depth_ops.halve_depth(depth_m, NOISE)
        got = to_host(depth_ops.halve_depth(*to_device((depth_m, NOISE))))
        farthest_m = depth_m.max(initial=0.0)  # a reading that counts for one, or for none
        case.close(f"half of {depth_m.shape}", got, wanted, 1e-6, 1e-6, FLIPS, farthest_m)


@check
def depth_gradient_and_normals(case: Case) -> None:
    for depth_m, intrinsics in images(case):
        with using("reference"):
            gradient = depth_ops.inverse_depth_gradient(depth_m, NOISE)
            normals = depth_ops.normals(depth_m, gradient, intrinsics)
        got = to_host(depth_ops.inverse_depth_gradient(*to_device((depth_m, NOISE))))
        most = float(NO_GRADIENT) + 1.0  # what stands for none, and a gradient
        limit = case.limit(5e-7, 2e-7)
        case.close(f"gradient of {depth_m.shape}", got, gradient, limit, 1e-6, FLIPS, most)
        share = (gradient != NO_GRADIENT).mean() if min(depth_m.shape) > 16 else 0.5
        case.true(f"{depth_m.shape}: {share:.2f} have a gradient", 0.1 < share < 0.99)
        got = to_host(depth_ops.normals(*to_device((depth_m, gradient, intrinsics))))
        case.close(f"normals of {depth_m.shape}", got, normals, case.limit(1e-5, 2e-6))


@check
def depth_edges(case: Case) -> None:
    for depth_m, _ in images(case):
        with using("reference"):
            wanted = depth_ops.mark_edges(depth_m, NOISE)
        got = to_host(depth_ops.mark_edges(*to_device((depth_m, NOISE))))
        share = (wanted < 0).mean() if min(depth_m.shape) > 16 else 0.5
        case.true(f"{depth_m.shape}: {share:.2f} are edges", 0.0 < share < 0.95)
        case.equal(f"readings of {depth_m.shape}", np.abs(got[:-1]), depth_m.ravel())
        most = 2.0 * depth_m.max(initial=0.0)  # an edge is marked by the sign
        case.close(f"edges of {depth_m.shape}", got, wanted, 0.0, 0.0, FLIPS, most)


@check
def depth_points(case: Case) -> None:
    for depth_m, intrinsics in images(case):
        with using("reference"):
            gradient = depth_ops.inverse_depth_gradient(depth_m, NOISE)
            points, sigma_m = depth_ops.point_cloud(depth_m, gradient, intrinsics, NOISE)
        arguments = to_device((depth_m, gradient, intrinsics, NOISE))
        got = to_host(depth_ops.point_cloud(*arguments))
        case.close(f"points of {depth_m.shape}", got[0], points, 1e-6, 1e-6)
        case.close(f"their noise in {depth_m.shape}", got[1], sigma_m, 1e-7, 1e-5)
        n = len(points)
        case.true(f"number of points of {depth_m.shape}", len(got[0]) == len(got[1]) == n)
        if not case.is_on_gpu:
            continue
        from kernels.cuda.depth import collect_points

        got = to_host(collect_points(*arguments))
        case.equal(f"number of points of {depth_m.shape}", got[2], np.array([n], np.int32))
        case.close(f"collected points of {depth_m.shape}", got[0][:n], points, 1e-6, 1e-6)
        case.true(f"buffers for {depth_m.shape}", len(got[0]) == len(got[1]) == depth_m.size)
