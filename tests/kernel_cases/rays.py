"""Keyframe rays against their definition."""

import numpy as np

from kernel_cases.check import Case, check, gpu_check, to_device, to_host
from kernel_cases.depth import NOISE, random_depth
from kernels import rays as ray_ops
from kernels.dispatch import using
from kernels.field import RayBatch
from kernels.rays import Rays

TRUNCATION_M, NEAR_M = 0.06, 0.1
# a rounding of the stride moves a draw to the ray beside it
FLIPS = 0.01


def unit_vectors(case: Case, shape: tuple[int, ...]) -> np.ndarray:
    """Return normals that point away from the camera, more or less."""
    n = case.random.normal(size=(*shape, 3)) * 0.4 + [0.0, 0.0, 1.0]
    return (n / np.linalg.norm(n, axis=-1, keepdims=True)).astype(np.float32)


def random_rays(case: Case, num: int, image_size: tuple[int, int]) -> Rays:
    """Return rays through pixels of an image, some nearer than NEAR_M."""
    pixel = case.random.integers(0, image_size[0] * image_size[1], num)
    pixel[case.random.random(num) < 0.2] += ray_ops.UNCOLORED
    return Rays(
        pixel.astype(np.uint32),
        case.random.uniform(0.05, 4.0, num).astype(np.float32),
        case.random.uniform(ray_ops.MIN_SLOPE, 1.0, num).astype(np.float32),
        case.random.integers(1, 256, (num, 4), np.uint8),
    )


def random_transform(case: Case) -> np.ndarray:
    """Return a rotation and a translation, float32."""
    T = np.eye(4)
    T[:3, :3], _ = np.linalg.qr(case.random.normal(size=(3, 3)))
    T[:3, 3] = case.random.uniform(-1.0, 1.0, 3)
    return T.astype(np.float32)


def compare(case: Case, what: str, got: RayBatch, wanted: RayBatch) -> None:
    """Compare batches; points lie within 20 m, where float32 has steps of 2e-6. The ray beside a
    ray may be anywhere.
    """
    for name, a, b in zip(wanted._fields, got, wanted, strict=True):
        case.close(f"{name} of {what}", a, b, 2e-5, 0.0, case.pick(0.0, FLIPS), cap=40.0)


@check
def rays_picked(case: Case) -> None:
    for h, w in ((0, 0), (3, 9), (5, 7), (9, 16), case.pick((30, 43), (480, 640))):
        intrinsics = np.array([0.9 * w + 1, 0.95 * w + 1, 0.49 * w, 0.52 * h], np.float32)
        readings = np.append(random_depth(case, (h, w)), np.float32(0.0))
        readings *= case.random.choice(np.array([-1.0, 1.0], np.float32), h * w + 1)
        normals = unit_vectors(case, (h // 4, w // 4))
        color = case.random.integers(0, 256, (h, w, 3), np.uint8)
        mask = case.random.random((h, w)) < 0.7
        no_color = np.empty((0, 0, 3), np.uint8)
        for cell, image, masked in ((4, color, None), (3, color, mask), (7, no_color, None)):
            seed, what = int(case.random.integers(1 << 40)), f"{h} x {w} by {cell}"
            inputs = (readings, normals, image, (h, w), intrinsics, NOISE, cell, seed, masked)
            with using("reference"):
                wanted = ray_ops.pick_rays(*inputs)
            got = to_host(ray_ops.pick_rays(*to_device(inputs)))
            case.equal(f"pixels of {what}", got.pixel, wanted.pixel)
            case.equal(f"depth of {what}", got.depth_m, wanted.depth_m)
            case.close(f"slopes of {what}", got.slope, wanted.slope, 1e-6, 1e-6)
            case.equal(f"colours of {what}", got.rgbw[:, :3], wanted.rgbw[:, :3])
            case.close(f"weights of {what}", got.rgbw[:, 3], wanted.rgbw[:, 3], 1.0)


@check
def rays_sampled(case: Case) -> None:
    for num, first, last in (
        (1, 0, 1),
        (5, 3, 3),
        (40, 7, 30),
        case.pick((99, 0, 120), (9_999, 0, 20_000)),
    ):
        rays = random_rays(case, num, (48, 64))
        intrinsics = np.array([60.0, 61.0, 31.0, 24.5], np.float32)
        T = random_transform(case)
        for has_color in (True, False):
            wanted = ray_ops.new_batch(last + 5)
            for array in wanted:
                array[:] = 9.0  # stays around what is drawn
            got = to_device(wanted)
            settings = (TRUNCATION_M, NEAR_M, int(case.random.integers(1 << 40)))
            with using("reference"):
                ray_ops.sample_rays(
                    rays, 64, has_color, intrinsics, T, *settings, wanted, first, last
                )
            ray_ops.sample_rays(
                to_device(rays),
                64,
                has_color,
                *to_device((intrinsics, T)),
                *settings,
                got,
                first,
                last,
            )
            compare(case, f"{first}..{last} of {num}", to_host(got), wanted)


@gpu_check
def rays_sampled_of_a_window(case: Case) -> None:
    """From some keyframes with these numbers of rays are drawn so many."""
    for sizes, shares in (
        ([0], [0]), ([0], [1]), ([1], [1]), ([7], [1]), ([1, 0, 5], [3, 1, 9]),
        case.pick(
            ([0, 37, 1, 0, 80, 20], [3, 50, 4, 0, 60, 0]),
            ([0, 9_000, 1, 0, 12_000, 7_000], [3, 8_000, 4, 0, 9_000, 0]),
        ),
    ):  # fmt: skip
        compare_window(case, sizes, shares)


def compare_window(case: Case, sizes: list[int], shares: list[int]) -> None:
    """Sample a window at once on the device, and keyframe by keyframe by the definition."""
    from kernels.cuda.rays import RayWindow, sample_window

    num = len(sizes)
    pool = random_rays(case, sum(sizes), (48, 64))
    first_ray = np.cumsum([0, *sizes], dtype=np.int32)
    bounds = np.cumsum([2, *shares], dtype=np.int32)
    widths = np.array([64, 64, 32, 64, 48, 64], np.int32)[:num]
    has_color = np.array([1, 1, 0, 1, 0, 1], np.int32)[:num]
    intrinsics = case.random.uniform(30.0, 60.0, (num, 4)).astype(np.float32)
    Ts_world_camera = np.stack([random_transform(case) for _ in range(num)])
    seeds = case.random.integers(1 << 40, size=num)

    wanted = ray_ops.new_batch(int(bounds[-1]) + 3)
    for array in wanted:
        array[:] = 9.0
    got = to_device(wanted)
    for k in range(num):
        rays = Rays(*(array[first_ray[k] : first_ray[k + 1]] for array in pool))
        if sizes[k] == 0:
            wanted.weight[bounds[k] : bounds[k + 1]] = 0.0
            continue
        with using("reference"):
            ray_ops.sample_rays(
                rays, int(widths[k]), bool(has_color[k]), intrinsics[k], Ts_world_camera[k],
                TRUNCATION_M, NEAR_M, int(seeds[k]), wanted, int(bounds[k]), int(bounds[k + 1]),
            )  # fmt: skip
    window = RayWindow(
        *to_device(
            (first_ray[:-1], np.diff(first_ray), widths, has_color, intrinsics, Ts_world_camera)
        ),
        *to_device((seeds, bounds)), TRUNCATION_M, NEAR_M,
    )  # fmt: skip
    sample_window(to_device(pool), window, got)
    compare(case, f"{shares} rays of {sizes}", to_host(got), wanted)
