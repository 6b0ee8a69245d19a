"""Second passes over what is mapped: averaged where they fit, kept apart where they drifted."""

import numpy as np
import pytest

from slam.maps.tsdf.map import TsdfMap

VOXEL_M = 0.02
FAR = (4.0, -1.5, 0.0)
PASS = [(x, -1.5 + 0.1 * abs(x), z) for x in (-0.4, 0.0, 0.4) for z in (-0.2, 0.2)]
DRIFT = np.eye(4)
DRIFT[1, 3] = -4 * VOXEL_M  # towards the camera


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr("slam.maps.anchors.STAY", 4)
    monkeypatch.setattr("slam.maps.tsdf.revisits.GATHERED", 3)
    monkeypatch.setattr("slam.maps.tsdf.revisits.WATCHED", 6)


@pytest.fixture
def walk(make_map, see):
    """Make a map of a wall that was seen, left, and seen again at poses that are off."""

    def make(T_drift=None, **config) -> TsdfMap:
        map_ = make_map(**config)
        index = 0
        for T_off, positions in ((None, PASS), (None, [FAR] * 6), (T_drift, PASS * 2)):
            for position in positions:
                target = (position[0] if position is FAR else 0.0, 0.0, 0.0)
                frame, T = see(position, target_m=target, index=index)
                map_.integrate(frame, T if T_off is None else T_off @ T)
                index += 1
        return map_

    return make


def heights_m(map_: TsdfMap) -> np.ndarray:
    """Where the wall before the first place is, towards the camera."""
    vertices = map_.mesh().vertices_m
    return -vertices[np.abs(vertices[:, 0]) < 0.5, 1]


def test_a_second_pass_that_fits_is_averaged(walk):
    """To the bit as if it was not looked at."""
    plain, watched = walk(), walk(keep_passes_apart=True)
    for a, b in zip(plain.arrays(), watched.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert watched._revisits.num_parted == 0
    assert watched._revisits.held.count == 0


def test_a_drifted_second_pass_takes_the_place_of_the_first(walk):
    mixed, apart = walk(DRIFT), walk(DRIFT, keep_passes_apart=True)
    assert apart._revisits.num_parted > 0
    assert apart._revisits.held.count > 20
    assert apart.nbytes > mixed.nbytes
    off_m = np.abs(heights_m(apart) - 4 * VOXEL_M)
    assert np.percentile(off_m, 95) < 0.25 * VOXEL_M
    assert np.percentile(np.abs(heights_m(mixed) - 4 * VOXEL_M), 95) > 0.5 * VOXEL_M


def test_a_correction_brings_both_passes_together(walk):
    map_ = walk(DRIFT, keep_passes_apart=True)
    weight = map_._storage.blocks.weight.astype(np.int64).sum()
    held = map_._revisits.held.blocks.weight.astype(np.int64).sum()
    nodes = np.array([0, 5, 12, 30])
    Ts = np.array([np.eye(4), np.eye(4), np.linalg.inv(DRIFT), np.linalg.inv(DRIFT)])
    correction = map_.correct(nodes, Ts)
    assert correction is not None
    while not correction.advance():
        pass
    correction.swap()
    assert map_._revisits.held.count < 5
    assert np.percentile(np.abs(heights_m(map_)), 95) < 0.25 * VOXEL_M
    total = map_._storage.blocks.weight.astype(np.int64).sum()
    assert total == pytest.approx(weight + held, rel=0.05)
