"""Ray casting of the TSDF against its definition, and against the CPU, which steps the same way."""

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device, to_host
from kernel_cases.volumes import (
    SDF_UNIT_M,
    TRUNCATION_M,
    VOXEL_SIZE_M,
    Volume,
    ball,
    empty_volume,
    voxel_centers_m,
)
from kernels import tsdf as tsdf_ops
from kernels.dispatch import using
from slam.geometry import se3_exp

DEPTH_RANGE_M = (0.1, 3.0)
RADIUS_M = 0.3
MOST_CONFIDENCE = 30000 * tsdf_ops.WEIGHT_UNIT  # of the heaviest voxels of a ball


def render(
    volume: Volume, backend: str, size: tuple[int, int], T: np.ndarray
) -> tsdf_ops.RenderedArrays:
    """Cast a camera's rays."""
    h, w = size
    intrinsics = np.array([1.1 * w, 1.1 * w, w / 2 - 0.4, h / 2 - 0.3], np.float32)
    arguments = [
        volume.index, volume.blocks, size, intrinsics, T, VOXEL_SIZE_M, SDF_UNIT_M,
        TRUNCATION_M[0], DEPTH_RANGE_M,
    ]  # fmt: skip
    if backend == "cuda":
        return to_host(tsdf_ops.raycast(*to_device(tuple(arguments))))
    with using(backend):
        return tsdf_ops.raycast(*arguments)


@gpu_check
def raycast(case: Case) -> None:
    volume = ball(case, RADIUS_M, 0.08)
    is_left = voxel_centers_m(volume.index)[..., 0] < -0.05
    volume.blocks.color[: volume.num_blocks] *= ~is_left[:, None]  # where no reading was near
    T = np.eye(4)
    T[:3, 3] = [0.0, 0.0, -0.9]
    for size in ((1, 1), (9, 17), case.pick((24, 32), (120, 160))):
        T_world_camera = (se3_exp(case.random.normal(size=6) * 0.1) @ T).astype(np.float32)
        got, wanted, cpu = (
            render(volume, name, size, T_world_camera) for name in ("cuda", "reference", "cpu")
        )
        num = size[0] * size[1]
        # Rays that graze the ball or a hole may go either way, and one is a large share of few.
        flips = 0.02 + 1.0 / num
        for name, tolerance, relative, cap in (
            ("depth_m", 1e-4, 0.0, DEPTH_RANGE_M[1]),
            ("normals", 1e-2, 0.0, 2.0),
            ("color", 1.0, 0.0, 255.0),
            ("confidence", 1e-2, 1e-2, MOST_CONFIDENCE),
        ):
            ours, theirs = getattr(got, name), getattr(cpu, name)
            what = f"{name} of {size} as the CPU's"
            case.close(what, ours, theirs, tolerance, relative, flips, cap)
        # the chord between two samples leaves the curve by some hundredths of a voxel
        both = (got.depth_m > 0) & (wanted.depth_m > 0)
        differs = (got.depth_m > 0) != (wanted.depth_m > 0)
        case.true(f"{size}: hits differ", differs.mean() <= 0.03 + 1.0 / num)
        case.close(
            f"depth of {size}", got.depth_m[both], wanted.depth_m[both], 0.06 * VOXEL_SIZE_M,
            flips=0.05 + 1.0 / num, cap=2.0 * RADIUS_M,
        )  # fmt: skip
        cosine = (got.normals * wanted.normals).sum(axis=-1)[both]
        case.true(f"normals of {size}", num < 100 or bool(np.median(cosine) > 0.99))
        case.true(f"{size}: {both.mean():.2f} hits", num < 100 or both.mean() > 0.05)


@gpu_check
def raycast_of_nothing(case: Case) -> None:
    """No blocks, no pixels, and a camera inside of a block."""
    T = np.eye(4, dtype=np.float32)
    for volume, size in ((empty_volume(np.zeros((0, 3))), (5, 7)), (ball(case, 0.2, 0.06), (0, 0))):
        got = render(volume, "cuda", size, T)
        case.true(f"nothing in {size}", all(not array.any() for array in got))
    volume = ball(case, RADIUS_M, 0.08)
    got, cpu = (render(volume, name, (6, 8), T) for name in ("cuda", "cpu"))
    most = 2.0 * RADIUS_M
    case.close("depth from inside", got.depth_m, cpu.depth_m, 1e-4, flips=0.05, cap=most)
