"""Normal equations against their definition."""

from typing import Any

import numpy as np

from kernel_cases.check import Case, check, to_device
from kernels import align as align_ops
from kernels.align import NormalEquations
from kernels.dispatch import using

INTRINSICS = np.array([30.0, 31.0, 19.3, 14.6], np.float32)  # of images of 40 x 30
SIZE = (30, 40)


def compare(
    case: Case,
    what: str,
    got: NormalEquations,
    wanted: NormalEquations,
    tolerance: float = 1e-5,
    flips: float = 0.0,
) -> None:
    """Every entry against the size that its row and column give it; a share `flips` of the
    residuals, or one of more than 50, may be on the other side of a limit.
    """
    size = np.sqrt(np.maximum(np.diag(wanted.H), 1e-12))
    num_flips = max(int(wanted.count * flips), 1) if flips and wanted.count > 50 else 0
    share = tolerance + num_flips / max(wanted.count, 1)
    norm = np.sqrt(wanted.squared_error) + 1e-12
    case.close(f"{what}: H", got.H / np.outer(size, size), wanted.H / np.outer(size, size), share)
    case.close(f"{what}: b", got.b / (size * norm), wanted.b / (size * norm), share)
    for name in ("squared_error", "weight", "signed_error"):
        limit = share * max(wanted.squared_error, wanted.weight)
        ours, theirs = (float(getattr(equations, name)) for equations in (got, wanted))
        case.close(f"{what}: {name}", ours, theirs, limit)
    case.close(f"{what}: count", got.count, wanted.count, num_flips)


def both(op: Any, *arguments: Any) -> tuple[NormalEquations, NormalEquations]:
    """Return what the device and the definition make of the same arguments."""
    with using("reference"):
        wanted = op(*arguments)
    return op(*to_device(arguments)), wanted


def sizes(case: Case) -> tuple[int, ...]:
    """Return numbers of points: on the CPU about the ends of its chunks of 512."""
    return case.pick((0, 1, 127, 300), (0, 1, 127, 9601), (0, 1, 7, 511, 512, 513, 2000, 9601))


def random_cloud(case: Case, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points in front of the camera, and their standard deviations."""
    z = case.random.uniform(0.8, 2.5, num)
    x, y = case.random.uniform(-0.7, 0.7, num) * z, case.random.uniform(-0.5, 0.5, num) * z
    points = np.stack([x, y, z], axis=1).astype(np.float32)
    return points, case.random.uniform(0.002, 0.01, num).astype(np.float32)


def random_pose(case: Case) -> np.ndarray:
    """Return a small motion."""
    T = np.eye(4)
    x, y, z = case.random.normal(size=3) * 0.02
    T[:3, :3] += [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]
    T[:3, 3] = case.random.normal(size=3) * 0.02
    return T.astype(np.float32)


@check
def align_sdf(case: Case) -> None:
    for num in sizes(case):
        points, sigma_m = random_cloud(case, num)
        gradient = case.random.normal(size=(num, 3)).astype(np.float32)
        sdf_m = case.random.normal(size=num).astype(np.float32) * np.float32(0.03)
        is_valid = case.random.random(num) < 0.8
        rotation = np.ascontiguousarray(random_pose(case)[:3, :3])
        arguments = points, sigma_m, sdf_m, gradient, is_valid, rotation, 3.0, 0.05
        got, wanted = both(align_ops.align_sdf, *arguments)
        compare(case, f"{num} points", got, wanted)
        share = wanted.count / max(num, 1)
        case.true(f"{num} points: {share:.2f} are used", num < 100 or 0.2 < share < 0.9)
        again = align_ops.align_sdf(*to_device(arguments))
        case.equal(f"{num} points, again", again.H, got.H)


@check
def align_projective(case: Case) -> None:
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    for num in sizes(case):
        points, sigma_m = random_cloud(case, num)
        z = case.random.uniform(0.8, 2.5, SIZE) * (case.random.random(SIZE) < 0.9)
        fx, fy, cx, cy = INTRINSICS
        model_points = np.stack([(u - cx) / fx * z, (v - cy) / fy * z, z], axis=2)
        normals = case.random.normal(size=(*SIZE, 3)).astype(np.float32)
        arguments = points, sigma_m, model_points.astype(np.float32), normals, INTRINSICS
        arguments = *arguments, random_pose(case), 3.0, 0.5
        got, wanted = both(align_ops.align_projective, *arguments)
        share = wanted.count / max(num, 1)
        case.true(f"{num} points: {share:.2f} are used", num < 100 or 0.1 < share < 0.9)
        # a distance is a difference of metres: its last bits weigh where the only one is short
        compare(case, f"{num} points", got, wanted, 1e-3, flips=1e-3)


@check
def align_photometric(case: Case) -> None:
    for num in sizes(case):
        points, _ = random_cloud(case, num)
        intensities = case.random.uniform(0.0, 255.0, num).astype(np.float32)
        image = case.random.uniform(0.0, 255.0, SIZE).astype(np.float32)
        depth_m = case.random.uniform(0.8, 2.5, SIZE) * (case.random.random(SIZE) < 0.9)
        arguments = points, intensities, image, depth_m.astype(np.float32), INTRINSICS
        arguments = *arguments, random_pose(case), 2.5, 4.0, 3.0
        got, wanted = both(align_ops.align_photometric, *arguments)
        share = wanted.count / max(num, 1)
        case.true(f"{num} points: {share:.2f} are used", num < 100 or 0.1 < share < 0.9)
        # a pixel is off by 4e-6 of its place; the image is noise, so its slope is then by 1e-4,
        # and by a larger share where a single one is nearly flat
        compare(case, f"{num} points", got, wanted, 5e-3 if num < 10 else 2e-4, flips=1e-3)
