"""One step of an alignment on the device."""

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device, to_host
from kernel_cases.random_field import random_field, random_points
from kernel_cases.solve import WEIGHTING
from kernels import align as align_ops
from kernels import tsdf as tsdf_ops
from kernels.align import NormalEquations
from kernels.cuda import registration
from kernels.cuda.state import (
    HAS_KEYFRAME,
    NUM_STATE,
    SCATTER,
    SQUARED_ERROR,
    WEIGHT,
    FrameCloud,
    PhotometricLevel,
    Stage,
    pose_state,
)
from kernels.dispatch import using
from kernels.solve import solve
from kernels.tsdf import TsdfGrid
from slam.geometry import inverse, se3_exp

STAGE = Stage(0, 2, 3.0, 0.05, 0.005)
USUAL = 0.5  # scatter of the readings
INTRINSICS = np.array([40.0, 41.0, 19.3, 14.6], np.float32)  # of images of 40 x 30


def equations(
    grid: TsdfGrid,
    cloud: FrameCloud,
    level: PhotometricLevel,
    T: np.ndarray,
    T_keyframe: np.ndarray,
) -> tuple[NormalEquations, NormalEquations]:
    """Return both residuals as the definitions linearise them."""
    chosen = slice(None, int(cloud.num_points[0]), STAGE.point_step)
    points, sigma_m = (np.ascontiguousarray(a[chosen]) for a in (cloud.points, cloud.sigma_m))
    num_textured = int(level.num_points[0])
    rotation = np.ascontiguousarray(T[:3, :3], np.float32)
    with using("reference"):
        world = (points @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
        sizes = float(grid.voxel_size_m), float(grid.sdf_unit_m)
        samples = tsdf_ops.query(grid.blocks, grid.voxels, world, *sizes)
        geometric = align_ops.align_sdf(
            points, sigma_m, *samples, rotation, STAGE.scale * USUAL, STAGE.max_distance_m
        )
        photometric = align_ops.align_photometric(
            level.points[:num_textured], level.intensities[:num_textured], level.image,
            level.depth_m, level.intrinsics, (inverse(T) @ T_keyframe).astype(np.float32), 0.0,
            WEIGHTING.intensity_sigma, STAGE.scale,
        )  # fmt: skip
    return geometric, photometric


def images(case: Case, most: int, num_points: int, num_textured: int) -> tuple:
    """Return a cloud in buffers for so many points, and a keyframe's textured ones."""
    points = random_points(case.random, (most,)) + np.array([0.0, 0.0, 1.0], np.float32)
    lengths_m = case.random.uniform(0.002, 0.01, most).astype(np.float32)
    one = np.ones(1, np.float32)
    cloud = FrameCloud(points, lengths_m, np.full(1, num_points, np.int32), one, one)
    level = PhotometricLevel(
        points[: most // 2].copy(),
        case.random.uniform(100.0, 150.0, most // 2).astype(np.float32),
        np.full(1, num_textured, np.int32),
        case.random.uniform(100.0, 150.0, (30, 40)).astype(np.float32),
        case.random.uniform(0.7, 1.5, (30, 40)).astype(np.float32),
        INTRINSICS,
    )
    return cloud, level


@gpu_check
def one_step(case: Case) -> None:
    full = case.pick((500, 301, 199), (20_000, 15_001, 3001))
    grid = random_field(case.random).base
    for most, num_points, num_textured in ((1, 0, 0), (2, 1, 1), full):
        what = f"{num_points} points, {num_textured} textured"
        compare(case, what, grid, *images(case, most, num_points, num_textured))


def compare(
    case: Case, what: str, grid: TsdfGrid, cloud: FrameCloud, level: PhotometricLevel
) -> None:
    """Take one step on the device and by the definitions."""
    T = se3_exp(np.array([0.02, -0.01, -1.0, 0.02, 0.03, -0.02]))
    T_keyframe = T @ se3_exp(case.random.normal(size=6) * 0.01)
    geometric, photometric = equations(grid, cloud, level, T, T_keyframe)
    with using("reference"):
        uncertain_m = max(STAGE.max_uncertainty_m, float(cloud.median_sigma_m[0]))
        wanted = solve(geometric, photometric, 1.0, WEIGHTING, uncertain_m)

    numbers = np.zeros(NUM_STATE, np.float32)
    numbers[:12], numbers[12:24] = T[:3].ravel(), T_keyframe[:3].ravel()
    numbers[24 + HAS_KEYFRAME] = 1.0
    numbers[24 + SCATTER] = USUAL
    state = pose_state(to_device(numbers))
    registration.align(
        to_device(grid), to_device(cloud), [to_device(level)], state, [(STAGE, 1)], WEIGHTING
    )
    values = to_host(state.values)
    # a residual in a hundred may be on the other side of a limit
    for name, number in (("squared_error", SQUARED_ERROR), ("weight", WEIGHT)):
        ours, theirs = float(values[number]), float(getattr(geometric, name))
        case.close(f"{name}, {what}", ours, theirs, 1e-6, 0.01)
    moved = T @ se3_exp(wanted.twist)
    limit = 1e-6 + 0.02 * float(np.abs(wanted.twist).sum())
    got = to_host(state.T_world_camera).astype(np.float64)
    case.close(f"pose, {what}", got, moved[:3], limit)
