"""Sums of tiles: against the reference, against `kernels.align`, and on a view of two parts."""

import numpy as np
import pytest

from kernels.align import align_photometric, assembled
from kernels.dispatch import using
from kernels.tiles import intensity_tiles, range_tiles

K = np.array([60.0, 60.0, 39.5, 29.5], np.float32)
SHAPE = (60, 80)
TILES = (3, 4)


def surface(rng):
    """A wavy depth image with an edge, holes and texture, and points about it."""
    v, u = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
    depth_m = 2.0 + 0.1 * np.sin(u / 9) + 0.05 * np.cos(v / 7) + (u > 50) * 0.8
    image = 120 + 60 * np.sin(u / 3) * np.cos(v / 4)
    depth_m[rng.random(SHAPE) < 0.05] = 0.0
    n = 3000
    u, v = rng.uniform(-5, 85, n), rng.uniform(-5, 65, n)
    z = rng.uniform(1.8, 3.0, n)
    points = np.stack([(u - K[2]) / K[0] * z, (v - K[3]) / K[1] * z, z], axis=1)
    return depth_m.astype(np.float32), image.astype(np.float32), points.astype(np.float32)


def motion(rng):
    T = np.eye(4, dtype=np.float32)
    T[:3, 3] = rng.normal(0, 0.01, 3)
    T[0, 1], T[1, 0] = 0.01, -0.01
    return T


def assert_close(found, expected):
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_ranges_agree_with_the_reference(seed):
    rng = np.random.default_rng(seed)
    depth_m, _, points = surface(rng)
    sigma_m = rng.uniform(0.002, 0.03, len(points)).astype(np.float32)
    arguments = points, sigma_m, depth_m, K, motion(rng), 6.0, TILES
    sums, seen = range_tiles(*arguments)
    with using("reference"):
        expected, expected_seen = range_tiles(*arguments)
    assert expected[:, 30].min() > 5
    assert 0 < expected_seen[:, 1].sum() < expected_seen[:, 0].sum()
    # a point at a threshold may be counted on its other side
    assert np.abs(sums[:, 30] - expected[:, 30]).sum() <= 2
    assert np.abs(seen[:, :2] - expected_seen[:, :2]).sum() <= 2
    equal = sums[:, 30] == expected[:, 30]
    assert_close(sums[equal, :31], expected[equal, :31])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_intensities_of_all_tiles_are_those_of_the_alignment(backend):
    rng = np.random.default_rng(3)
    depth_m, image, points = surface(rng)
    intensities = rng.uniform(60, 180, len(points)).astype(np.float32)
    arguments = points, intensities, image, depth_m, K, motion(rng), 2.0, 4.0, 6.0
    with using(backend):
        sums = intensity_tiles(*arguments, TILES)
        expected = align_photometric(*arguments)
    found = assembled(sums)
    assert found.count == expected.count > 500
    assert np.count_nonzero(sums[:, 30]) == 12
    np.testing.assert_allclose(found.H, expected.H, rtol=1e-3, atol=1e-4 * expected.H.max())
    np.testing.assert_allclose(found.b, expected.b, rtol=1e-3, atol=1e-3 * abs(expected.b).max())


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_the_part_that_came_nearer_says_so_and_no_other(backend):
    """A wall, whose left half is 2 cm nearer in the image than in the other view."""
    v, u = np.mgrid[2:56:2, 2:76:2].reshape(2, -1).astype(np.float32)
    points = np.stack([(u - K[2]) / K[0] * 2, (v - K[3]) / K[1] * 2, np.full(len(u), 2.0)], axis=1)
    depth_m = np.full(SHAPE, 2.0, np.float32)
    depth_m[:, :40] -= 0.02
    sigma_m = np.full(len(points), 0.004, np.float32)
    with using(backend):
        sums, seen = range_tiles(
            points.astype(np.float32), sigma_m, depth_m, K, np.eye(4, dtype=np.float32), 6.0, (1, 2)
        )
    rms = np.sqrt(sums[:, 27] / sums[:, 28])
    np.testing.assert_allclose(rms, [4.0, 0.0], atol=1e-3)  # 20 mm of sqrt(4^2 + 3^2) mm
    # the camera went forward, says the left half: the step is opposite to b
    assert sums[0, 23] < 0
    assert sums[1, 23] == 0
    assert seen[:, 1].sum() == 0
