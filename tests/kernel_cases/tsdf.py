"""TSDF integration against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.depth import NOISE, random_depth
from kernel_cases.volumes import (
    SDF_UNIT_M,
    TRUNCATION_M,
    VOXEL_SIZE_M,
    Volume,
    empty_volume,
    fill_randomly,
)
from kernels import depth as depth_ops
from kernels import tsdf as tsdf_ops
from kernels.dispatch import using
from slam.geometry import inverse, se3_exp

MAX_WEIGHT = 128.0
MAX_READING = 4.0 / tsdf_ops.WEIGHT_UNIT  # what a reading weighs at most


def random_frame(case: Case, size: tuple[int, int], has_color: bool) -> list:
    """Return readings, normals, rgba, image size, intrinsics and T_camera_world of a frame."""
    h, w = size
    depth_m = random_depth(case, size)
    intrinsics = np.array([0.9 * w, 0.91 * w, w / 2 - 0.513, h / 2 - 0.487], np.float32)
    with using("cpu"):
        quarter = depth_ops.halve_depth(depth_ops.halve_depth(depth_m, NOISE), NOISE)
        gradient = depth_ops.inverse_depth_gradient(quarter, NOISE)
        normals = depth_ops.normals(quarter, gradient, intrinsics / np.float32(4.0))
        readings = depth_ops.mark_edges(depth_m, NOISE)
    packed = case.random.integers(0, 1 << 24, h * w + 1, np.uint32)
    packed[case.random.random(h * w + 1) < 0.8] += 255 << 24  # the others have no colour
    T = inverse(se3_exp(case.random.normal(size=6) * 0.2)).astype(np.float32)
    return [readings, normals, packed if has_color else packed[:0], size, intrinsics, T]


def blocks_before(case: Case, num: int, T_camera_world: np.ndarray) -> Volume:
    """Return blocks in front of a camera, near and behind the surfaces of `random_depth`, and a few
    that it does not see; anything may be in them.
    """
    z = case.random.uniform(0.3, 2.9, num)
    side = z[:, None] * case.random.uniform(-0.7, 0.7, (num, 2))
    places = np.column_stack([side, np.where(case.random.random(num) < 0.1, -z, z)])
    T = inverse(T_camera_world.astype(np.float64))
    coords = np.floor((places @ T[:3, :3].T + T[:3, 3]) / (8 * VOXEL_SIZE_M))
    volume = empty_volume(coords)
    fill_randomly(case, volume)
    return volume


def compare(case: Case, what: str, got: Volume, wanted: Volume, start: Volume) -> None:
    """Two tiers: float32 moves a reading by less than a unit, or over a border, where it counts or
    does not.
    """
    moved = 64000.0 * MAX_READING / (start.blocks.weight.astype(np.float64) + MAX_READING)
    for name, most, cap in (("sdf", 2.0, moved + 2.0), ("weight", 1.0, MAX_READING + 1.0),
                            ("color", 1.0, 255.0)):  # fmt: skip
        after, defined = (getattr(volume.blocks, name) for volume in (got, wanted))
        case.close(f"{what}: {name}", after, defined, most, flips=0.01, cap=cap)
    changed = wanted.blocks.sdf != start.blocks.sdf
    # a light old value hides no error; a heavy one does not let float32's show
    is_heavy = changed & (start.blocks.weight >= 20000)
    is_equal = got.blocks.sdf[is_heavy] == wanted.blocks.sdf[is_heavy]
    case.true(f"{what}: rounded otherwise", not is_heavy.any() or is_equal.mean() > 0.9)
    for name in ("sdf", "weight", "color"):
        before, after = (getattr(volume.blocks, name) for volume in (start, got))
        case.equal(
            f"{what}: {name} beyond the end", after[start.num_blocks :], before[start.num_blocks :]
        )


def on_device(
    volume: Volume, visible: np.ndarray, count: int | None, frame: list, dither: np.ndarray
) -> Volume:
    """Integrate a frame on the device into a copy of a volume."""
    index, blocks = to_device((volume.index, volume.blocks))
    arguments = to_device((visible, *frame, VOXEL_SIZE_M, SDF_UNIT_M, NOISE, TRUNCATION_M))
    num_visible = None if count is None else to_device(np.array([count, 0], np.int32))
    all_arguments = [index, blocks, *arguments, MAX_WEIGHT, to_device(dither), num_visible]
    tsdf_ops.integrate(*all_arguments)
    return Volume(*to_host((index, blocks)))


@check
def tsdf_integrate(case: Case) -> None:
    dither = case.random.random(1024, np.float32)
    tiny = case.pick((24, 32), (480, 640))
    for size, num, has_color in (
        ((4, 4), 0, True), ((4, 9), 1, False), ((7, 5), 5, True), (tiny, case.pick(24, 3000), True),
        (tiny, case.pick(10, 1000), False),
    ):  # fmt: skip
        what = f"{size} into {num}{' with colour' if has_color else ''}"
        frame = random_frame(case, size, has_color)
        start = blocks_before(case, num, frame[-1])
        visible = case.random.permutation(start.num_blocks).astype(np.int32)
        count = len(visible) - len(visible) // 4
        # a GPU is told how much of a list counts
        listed = (visible, count) if case.is_on_gpu else (visible[:count], None)
        wanted = start.copy()
        arguments = [
            wanted.index, wanted.blocks, visible[:count], *frame, VOXEL_SIZE_M, SDF_UNIT_M, NOISE,
            TRUNCATION_M, MAX_WEIGHT, dither,
        ]  # fmt: skip
        with using("reference"):
            tsdf_ops.integrate(*arguments)
        counted = on_device(start, *listed, frame, dither)
        compare(case, what, counted, wanted, start)
        changed = (wanted.blocks.sdf != start.blocks.sdf).mean()
        # a few blocks may all lie where the camera does not look
        case.true(f"{what}: changed {changed:.3f}", num < 20 or changed > 0.02)

        # in another order, and without a count, bit by bit the same
        again = on_device(start, visible[:count][::-1].copy(), None, frame, dither)
        for name in ("sdf", "weight", "color"):
            case.equal(
                f"{what}: {name} again", getattr(again.blocks, name), getattr(counted.blocks, name)
            )
