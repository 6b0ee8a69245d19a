"""Whether two fusions of blocks agree: planes at known places."""

import numpy as np
import pytest

from kernels.tsdf import WEIGHT_UNIT, TsdfBlocks
from slam.maps.tsdf.agreement import AGREE, DIFFER, UNCLEAR, averaged, verdicts

VOXEL_UNITS, NARROW_UNITS = 1000.0, 6000.0
READINGS = 20.0  # a voxel holds, at 1 m
VOXELS = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)
DIRECTIONS = np.random.default_rng(0).normal(size=(30, 3))
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


def planes(offset_voxels: float = 0.0, noise_units: float = 0.0, seed: int = 0) -> TsdfBlocks:
    """Return blocks through whose middle planes of many directions go, moved along their normals;
    unknown far behind them, as free space is not.
    """
    voxels = (VOXELS - 3.5) @ DIRECTIONS.T - offset_voxels  # (512, n)
    noise = np.random.default_rng(seed).normal(size=voxels.shape) * noise_units
    sdf = np.clip(voxels.T * VOXEL_UNITS + noise.T, -32000, NARROW_UNITS)
    weight = np.where(voxels.T > -6.0, READINGS / WEIGHT_UNIT, 0)
    color = np.full((len(sdf), 4, 512), 100)
    return TsdfBlocks(sdf.astype(np.int16), weight.astype(np.uint16), color.astype(np.uint8))


def verdict(a: TsdfBlocks, b: TsdfBlocks, sigma_units: float = 0.0) -> set[int]:
    return set(verdicts(a, b, VOXEL_UNITS, NARROW_UNITS, sigma_units).tolist())


@pytest.mark.parametrize(
    ("offset_voxels", "expected"),
    [(0.0, AGREE), (0.4, AGREE), (-0.4, AGREE), (0.7, DIFFER), (-3.0, DIFFER), (-20.0, DIFFER)],
)
def test_half_a_voxel_parts_them(offset_voxels: float, expected: int):
    assert verdict(planes(), planes(offset_voxels)) == {expected}
    assert verdict(planes(offset_voxels), planes()) == {expected}


@pytest.mark.parametrize("sigma_units", [500.0, 2000.0])
def test_noise_explains_what_it_can(sigma_units: float):
    noise = sigma_units / np.sqrt(READINGS)
    noisy = planes(noise_units=noise, seed=1), planes(noise_units=noise, seed=2)
    assert verdict(*noisy, sigma_units) == {AGREE}
    far = planes(3.0 + 4.0 * noise / VOXEL_UNITS, noise, seed=2)
    assert verdict(noisy[0], far, sigma_units) == {DIFFER}


def test_what_no_both_know_is_unclear():
    blocks = planes()
    unknown = blocks._replace(weight=np.zeros_like(blocks.weight))
    free = blocks._replace(sdf=np.full_like(blocks.sdf, NARROW_UNITS))
    assert verdict(blocks, unknown) == verdict(free, free) == {UNCLEAR}


def test_the_two_faces_of_a_thin_wall_do_not_differ():
    """Seen from one side first, then from the other: all that both know slopes both ways."""
    front, far = planes(), planes()
    back = far._replace(sdf=(-far.sdf - 3 * VOXEL_UNITS).astype(np.int16))  # 3 voxels thick
    hidden = back.sdf < -NARROW_UNITS
    back = back._replace(weight=np.where(hidden, 0, READINGS / WEIGHT_UNIT).astype(np.uint16))
    assert verdict(front, back) == {UNCLEAR}


def test_the_average_is_that_of_all_readings():
    a, b = planes(), planes(1.0)
    b = b._replace(weight=(b.weight // 4).astype(np.uint16))
    mean = averaged(a, b, max_weight=128.0)
    both = (a.weight > 0) & (b.weight > 0) & (np.abs(b.sdf) < NARROW_UNITS - VOXEL_UNITS)
    np.testing.assert_allclose(mean.sdf[both], (a.sdf - 0.2 * VOXEL_UNITS)[both], atol=1.0)
    np.testing.assert_array_equal(mean.weight, a.weight.astype(int) + b.weight)
    assert (averaged(a, b, max_weight=3.0).weight <= 3.0 / WEIGHT_UNIT).all()
    unknown = b._replace(weight=np.zeros_like(b.weight), color=np.zeros_like(b.color))
    for got in (averaged(a, unknown, 128.0), averaged(unknown, a, 128.0)):
        np.testing.assert_array_equal(got.sdf[a.weight > 0], a.sdf[a.weight > 0])
        np.testing.assert_array_equal(got.weight, a.weight)
        np.testing.assert_array_equal(got.color[:, :3], a.color[:, :3])
