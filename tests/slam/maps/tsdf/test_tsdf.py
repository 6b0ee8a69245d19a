"""The TSDF map: what is in it after which frames."""

import numpy as np
import pytest

from slam.maps.tsdf.fused_map import BYTES_PER_BLOCK

VOXEL_SIZE_M = 0.02
POSITIONS = [(x, -1.5 + 0.1 * abs(x), z) for x in (-0.4, 0.0, 0.4) for z in (-0.2, 0.2)]


def wall_points(offset_m=0.0, half_m=0.5, num=2000) -> np.ndarray:
    """Points at a distance before the wall."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-half_m, half_m, (num, 3)).astype(np.float32)
    points[:, 1] = -offset_m
    return points


def triangles(mesh) -> set[bytes]:
    """The mesh's triangles by their corners' positions, each beginning with its least corner."""
    corners = mesh.vertices_m[mesh.triangles]
    keys = set()
    for triangle in corners:
        rows = [tuple(corner) for corner in triangle]
        first = rows.index(min(rows))
        keys.add(np.array(rows[first:] + rows[:first]).tobytes())
    return keys


def test_colour_changes_no_distance(make_map, see):
    map_, colored = make_map(), make_map()
    map_.integrate(*see(has_color=False))
    colored.integrate(*see())
    np.testing.assert_array_equal(
        map_.query(wall_points()).sdf_m, colored.query(wall_points()).sdf_m
    )


def test_growth_keeps_what_is_there(make_map, see):
    small, large = make_map(initial_capacity=8), make_map(initial_capacity=8192)
    for position in POSITIONS:
        before = small.num_blocks
        samples = small.query(wall_points())
        small._storage = small._storage.grown()
        assert small.num_blocks == before
        for old, new in zip(_arrays(samples), _arrays(small.query(wall_points())), strict=True):
            np.testing.assert_array_equal(old, new)
        small.integrate(*see(position))
        large.integrate(*see(position))
    assert large.num_blocks > 200 > 8
    # both hold the same blocks, in the same order or not
    assert triangles(small.mesh()) == triangles(large.mesh())
    assert small.num_refused == 0


def _arrays(samples):
    return samples.sdf_m, samples.gradient, samples.is_valid


@pytest.mark.parametrize("initial_capacity", [16, 1 << 14])
def test_a_map_keeps_to_its_budget(make_map, see, initial_capacity):
    map_ = make_map(initial_capacity, budget_mb=1, voxel_size_m=0.01)
    for position in POSITIONS:
        map_.integrate(*see(position))
    assert map_.nbytes <= 1_000_000
    assert map_.num_blocks == 1_000_000 // BYTES_PER_BLOCK  # and uses it up
    assert map_.num_refused == len(POSITIONS)
    mesh = map_.mesh()
    assert len(mesh.triangles) > 100
    assert np.abs(mesh.vertices_m[:, 1]).max() < 0.5 * map_.config.voxel_size_m  # all on the wall


def test_a_refused_frame_still_improves_the_blocks_that_are_there(make_map, see):
    map_ = make_map(budget_mb=1, initial_capacity=16, voxel_size_m=0.01)
    map_.integrate(*see(has_box=True))
    assert map_.num_refused == 1
    weight = map_._storage.blocks.weight[: map_.num_blocks].astype(np.int64).sum()
    map_.integrate(*see(has_box=True))
    assert map_._storage.blocks.weight[: map_.num_blocks].astype(np.int64).sum() == pytest.approx(
        2 * weight, rel=0.1
    )


def test_weights_saturate_and_the_surface_stays(make_map, see):
    map_ = make_map(max_weight=4.0)
    frame, T = see((0.3, -0.7, 0.0))  # near: heavy readings
    for _ in range(300):
        map_.integrate(frame, T)
    weight = map_._storage.blocks.weight[: map_.num_blocks]
    assert weight.max() <= 4.0 * 256
    assert weight.max() > 3.9 * 256
    samples = map_.query(wall_points(half_m=0.2))
    # dithered rounding must not let a value walk away over many frames
    assert np.abs(samples.sdf_m[samples.is_valid]).max() < 0.25 * VOXEL_SIZE_M
