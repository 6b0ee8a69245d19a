"""Moving fused blocks, against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.volumes import Volume, ball, empty_volume, fill_randomly
from kernels.dispatch import using
from kernels.resample import resample_blocks
from slam.geometry import inverse, se3_exp
from slam.maps.moved_blocks import Reach, grouped, inverse_rows, reached

MAX_WEIGHT = 128.0


def motions(case: Case, num: int, angle_rad: float, apart_voxels: float) -> np.ndarray:
    """Return Ts_old_new (num, 3, 4) in voxels: one motion, and each block a bit apart from it."""
    whole = se3_exp(np.concatenate([case.random.normal(size=3) * 5.0, [0.0] * 3]))
    whole = whole @ se3_exp(np.concatenate([[0.0] * 3, case.random.normal(size=3) * angle_rad]))
    each = np.tile(inverse(whole)[:3], (num, 1, 1))
    each[:, :, 3] += case.random.normal(size=(num, 3)) * apart_voxels
    return each


def reach_of(case: Case, volume: Volume, Ts_old_new: np.ndarray, most: int) -> Reach:
    """Return some of the new blocks that the old ones reach, and the sources of each."""
    rows = np.tile([[[0.0, 0.0, 0.0, 1.0]]], (len(Ts_old_new), 1, 1))
    Ts_new_old = np.tile(np.eye(4), (len(Ts_old_new), 1, 1))
    Ts_new_old[:, :3] = inverse_rows(np.concatenate([Ts_old_new, rows], axis=1))
    reach = grouped(reached(volume.index.coords[: volume.num_blocks], Ts_new_old))
    return reach.part(case.random.permutation(len(reach.coords))[:most])


@check
def resample(case: Case) -> None:
    scattered = empty_volume(case.random.integers(-2, 2, (case.pick(12, 40), 3)))
    fill_randomly(case, scattered)
    for what, volume, angle_rad, apart in (
        ("a ball", ball(case, 0.3, 0.1), 0.05, 0.05), ("turned", scattered, 1.0, 0.0),
        ("torn apart", scattered, 0.1, 3.0),
    ):  # fmt: skip
        for most in (0, 1, case.pick(3, 60, on_cpu=12)):
            Ts_old_new = motions(case, volume.num_blocks, angle_rad, apart)
            reach = reach_of(case, volume, Ts_old_new, most)
            arguments = (volume.index, volume.blocks, Ts_old_new, *reach[:3])
            with using("reference"):
                wanted = resample_blocks(*arguments, MAX_WEIGHT)
            got = to_host(resample_blocks(*to_device(arguments), MAX_WEIGHT))
            compare(case, f"{what}, {len(reach.coords)}", got, wanted)


def compare(case: Case, what: str, got, wanted) -> None:
    """Two tiers: a position within float32's rounding of a block's or a cell's border, or of half a
    cell known, is read otherwise.
    """
    is_known = (wanted.weight > 0) & (got.weight > 0)
    case.close(f"{what}: known", got.weight > 0, wanted.weight > 0, 0.0, flips=2e-3, cap=1.0)
    # 64000 units from one voxel to the next, at a position right to 1e-5
    for name, most, cap in (("sdf", 3.0, 64000.0), ("weight", 1.0, 65535.0)):
        after, defined = (getattr(blocks, name)[is_known] for blocks in (got, wanted))
        case.close(f"{what}: {name}", after, defined, most, flips=2e-3, cap=cap)
    after, defined = (blocks.color.transpose(0, 2, 1)[is_known] for blocks in (got, wanted))
    case.close(f"{what}: colour", after, defined, 1.0, flips=5e-3, cap=255.0)
    for name in ("sdf", "weight"):
        case.true(f"{what}: {name} of the unknown", not getattr(got, name)[got.weight == 0].any())
    case.true(f"{what}: nothing", len(got.weight) < 10 or is_known.mean() > 0.02)


@check
def resample_exactly(case: Case) -> None:
    """Identity and motions by whole voxels change no bit of what is known."""
    volume = empty_volume(case.random.integers(-1, 1, (case.pick(2, 6), 3)))
    fill_randomly(case, volume)
    num = volume.num_blocks
    unknown = volume.blocks.weight == 0
    volume.blocks.sdf[unknown] = 0
    volume.blocks.color.transpose(0, 2, 1)[unknown] = 0
    volume.blocks.color.transpose(0, 2, 1)[volume.blocks.color[:, 3] == 0] = 0
    red = volume.blocks.color[:, 0]
    has_none = (red == 0) & ~unknown
    red[has_none] = case.random.integers(0, 2, has_none.sum())  # the marks
    for shift in ([3, -1, 13], *case.pick([], [[0, 0, 0], [8, -16, 80000]])):
        Ts_old_new = np.tile(np.eye(4)[:3], (num, 1, 1))
        Ts_old_new[:, :, 3] = np.negative(shift)
        lowest = np.array(shift) >> 3
        reach = reach_of(case, volume, Ts_old_new, 1000)
        coords = reach.coords
        arguments = to_device((volume.index, volume.blocks, Ts_old_new, *reach[:3]))
        got = to_host(resample_blocks(*arguments, MAX_WEIGHT))
        for name, before, after in (
            ("sdf", volume.blocks.sdf[:num, None], got.sdf[:, None]),
            ("weight", volume.blocks.weight[:num, None], got.weight[:, None]),
            ("colour", volume.blocks.color[:num], got.color),
        ):
            old = dense(volume.index.coords[:num], before, [-1, -1, -1], 24)
            new = dense(coords, after, lowest - 1, 24)
            offset = 8 * lowest - shift  # the first new voxel is this far into the old array
            moved = np.roll(old, -offset, axis=(1, 2, 3))
            case.equal(f"{name} by {shift}", new, moved)


def dense(coords: np.ndarray, values: np.ndarray, lowest: np.ndarray, side: int) -> np.ndarray:
    """Return blocks (n, channels, 512) as one array (channels, side, side, side) from block
    `lowest` on; 0 where there is none.
    """
    array = np.zeros((values.shape[1], side, side, side), values.dtype)
    for coord, block in zip(8 * (coords - np.asarray(lowest)), values, strict=True):
        x, y, z = coord
        array[:, x : x + 8, y : y + 8, z : z + 8] = block.reshape(-1, 8, 8, 8)
    return array
