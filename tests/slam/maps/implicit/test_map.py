"""What holds for the implicit map: it learns a wall, and answers only where it was seen."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import Config, ImplicitConfig, without_time_budget
from slam.errors import SlamError
from slam.maps.base import Inexact, Map, own_sigma_m

POSITIONS = [(x, -1.5 + 0.1 * abs(x), z) for x in (-0.4, 0.0, 0.4) for z in (-0.2, 0.2)]


def wall_points(offset_m=0.0, half_m=0.5, num=1000) -> np.ndarray:
    """Points at a distance before the wall."""
    points = np.random.default_rng(1).uniform(-half_m, half_m, (num, 3)).astype(np.float32)
    points[:, 1] = -offset_m
    return points


@pytest.fixture(scope="module")
def wall(make_implicit, see):
    """Make a map of the wall as six frames saw it, once for each config; tests only read it."""
    made = {}

    def make(**config):
        key = tuple(sorted(config.items()))
        if key not in made:
            map_ = make_implicit(**config)
            for index, position in enumerate(POSITIONS):
                map_.integrate(*see(position, index=index))
            made[key] = map_
        return made[key]

    return make


def test_it_is_a_map(make_implicit):
    assert isinstance(make_implicit(), Map)


def test_an_empty_map_knows_nothing(make_implicit, see):
    map_ = make_implicit()
    assert len(map_.mesh().triangles) == 0
    assert not map_.query(wall_points()).is_valid.any()
    frame, T = see()
    assert not map_.render(frame.camera, T).depth_m.any()
    assert map_.refined_poses() == {}


def test_a_frame_without_depth_changes_nothing(wall, make_implicit, see):
    map_ = make_implicit()
    frame, T = see()
    frame.depth_m[:] = 0.0
    map_.integrate(frame, T)
    assert map_.num_keyframes == 0
    map_.integrate(*see(index=1))
    before = map_.query(wall_points())
    map_.integrate(frame, T)
    np.testing.assert_array_equal(map_.query(wall_points()).sdf_m, before.sdf_m)


@pytest.mark.parametrize(
    ("encoding", "output"),
    [
        ("fourier", "sdf"), ("siren", "sdf"), ("hash", "sdf"), ("none", "sdf"),
        ("fourier", "occupancy"), ("fourier", "density"),
    ],
)  # fmt: skip
def test_the_wall_is_where_it_is(wall, see, encoding, output):
    """A centimetre is a tenth of the band; density, which no distance was shown to, may be off by
    two.
    """
    is_slow = output == "density" or encoding == "siren"  # faster, both swing by centimetres
    rate, steps = (0.001, 300) if is_slow else (0.005, 100)
    map_ = wall(encoding=encoding, output=output, rate=rate, first_steps=steps)
    limit_m = 0.02 if output == "density" else 0.01
    on, before = map_.query(wall_points()), map_.query(wall_points(0.03))
    assert on.is_valid.mean() > 0.98
    assert np.median(np.abs(on.sdf_m)) < limit_m
    assert np.median(before.sdf_m) == pytest.approx(0.03, abs=limit_m)
    direction = np.median(on.gradient[on.is_valid], axis=0)
    np.testing.assert_allclose(direction / np.linalg.norm(direction), [0, -1, 0], atol=0.1)
    frame, T = see((0.1, -1.4, 0.1))
    rendering = map_.render(frame.camera, T)
    hit = rendering.depth_m > 0
    assert hit[8:-8, 8:-8].mean() > 0.95
    assert np.median(np.abs(rendering.depth_m - frame.depth_m)[hit]) < limit_m
    np.testing.assert_allclose(
        np.median(rendering.color[hit], axis=0), np.median(frame.color[hit], axis=0), atol=12
    )
    np.testing.assert_allclose(np.linalg.norm(rendering.normals[hit], axis=1), 1.0, atol=1e-4)
    assert (rendering.confidence[hit] >= 1).all()
    assert not rendering.depth_m[~hit].any()


def test_nothing_is_invented_where_nothing_was_seen(wall):
    map_ = wall()
    behind, beside = wall_points(-0.5), wall_points() + np.float32([5.0, 0.0, 0.0])
    for points in (behind, beside, wall_points(1.0)):
        samples = map_.query(points)
        assert not samples.is_valid.any()
        assert not samples.sdf_m.any()
        assert not samples.gradient.any()
    vertices_m = map_.mesh().vertices_m
    assert np.abs(vertices_m[:, 1]).max() < 0.1  # within the band
    assert np.abs(vertices_m[:, [0, 2]]).max() < 1.5  # and about as far as the views reach


@pytest.mark.parametrize("voxel_size_m", [None, 0.02, 0.05])
def test_a_mesh_at_any_spacing_lies_on_the_wall(wall, voxel_size_m):
    mesh = wall().mesh(voxel_size_m)
    assert len(mesh.triangles) > 200
    assert np.median(np.abs(mesh.vertices_m[:, 1])) < 0.01
    a, b, c = (mesh.vertices_m[mesh.triangles[:, i]].astype(np.float64) for i in range(3))
    area_m2 = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    assert 2.0 < area_m2 < 6.0  # the views cover 3.2 m2
    normal = np.cross(b - a, c - a).sum(axis=0)
    assert normal[1] < -0.9 * np.linalg.norm(normal)  # out of the wall


def test_a_mesh_of_senseless_voxels_is_refused(wall):
    with pytest.raises(SlamError, match=r"must be 0\.001 \.\. 0\.5 m, got 7"):
        wall().mesh(7.0)


def test_depth_without_colour_makes_a_grey_map(make_implicit, see):
    map_ = make_implicit()
    map_.integrate(*see(has_color=False))
    mesh = map_.mesh()
    assert len(mesh.triangles) > 100
    assert (mesh.colors == mesh.colors[0, 0]).all()
    map_.integrate(*see(index=1))
    assert (map_.color(wall_points()) != mesh.colors[0]).any()


@pytest.mark.parametrize("size", [(161, 123), (33, 32), (32, 47)])
def test_any_image_size_is_integrated(make_implicit, see, size):
    camera = Camera(*size, 131.0, 131.0, size[0] / 2 - 0.4, size[1] / 2 + 0.3)
    map_ = make_implicit(ray_cell=2)
    map_.integrate(*see(camera=camera))
    samples = map_.query(wall_points(half_m=0.08))
    assert samples.is_valid.all()
    assert np.abs(samples.sdf_m).max() < 0.03


def test_a_known_view_is_no_keyframe_and_a_new_one_is(make_implicit, see):
    map_ = make_implicit()
    for index in range(4):
        map_.integrate(*see(index=index))
    assert map_.num_keyframes == 1
    map_.integrate(*see((1.5, -1.5, 0.0), target_m=(1.5, 0.0, 0.0), index=4))
    assert map_.num_keyframes == 2
    assert set(map_.refined_poses()) == {0, 4}


def test_what_the_network_misses_at_readings_counts_in_tracking(make_implicit, see):
    """A map that has learned nothing is as sure as its band is wide, and surer as it learns."""
    map_ = make_implicit(first_steps=300)
    assert isinstance(map_, Inexact)
    assert map_.sigma_m == map_.config.truncation_m
    map_.integrate(*see())
    assert own_sigma_m(map_) == map_.sigma_m < 0.01
    frame, T = see((0.02, -1.5, 0.0))
    z = frame.depth_m[::4, ::4]
    points = np.stack(np.meshgrid(np.arange(40) * 4.0, np.arange(30) * 4.0), axis=-1)
    x, y = np.moveaxis((points - [79.3, 59.7]) / 131.0, -1, 0) * z
    at = np.stack([x, y, z], axis=-1).reshape(-1, 3) @ T[:3, :3].T + T[:3, 3]
    missed_m = np.abs(map_.query(at.astype(np.float32)).sdf_m)
    assert np.median(missed_m) < 2.0 * map_.sigma_m


def test_every_frame_is_a_keyframe_if_that_is_asked_for(make_implicit, see):
    map_ = make_implicit(known_share=1.0, first_steps=1, steps=1, adjust_poses=False)
    for index in range(3):
        map_.integrate(*see(index=index))
    assert map_.num_keyframes == 3


def test_a_keyframe_that_is_off_moves_back(make_implicit, see):
    """By a millimetre along the direction that a wall tells."""
    map_ = make_implicit(known_share=1.0, first_steps=400)
    for index in range(3):
        map_.integrate(*see(index=index))
    frame, T_true = see(index=3)
    T_off = T_true.copy()
    T_off[1, 3] -= 0.002
    map_.integrate(frame, T_off)
    T_refined = map_.refined_poses()[3]
    assert abs(T_refined[1, 3] - T_true[1, 3]) < 0.002
    np.testing.assert_array_equal(map_.refined_poses()[0], see()[1])  # the oldest stays


def test_the_same_frames_give_the_same_bits(make_implicit, see):
    maps = [make_implicit() for _ in range(2)]
    for map_ in maps:
        for index in range(3):
            map_.integrate(*see(POSITIONS[index], index=index))
    one, other = (map_.query(wall_points(0.01)) for map_ in maps)
    np.testing.assert_array_equal(one.sdf_m, other.sdf_m)


def test_a_world_far_from_its_origin_is_learned_as_well(make_implicit, see):
    """The encoding begins where the first frame looks, not at the world's origin."""
    map_ = make_implicit(encoding="none")
    frame, T = see()
    moved = T.copy()
    moved[:3, 3] += [500.0, -300.0, 20.0]
    map_.integrate(frame, moved)
    points = wall_points(half_m=0.3) + np.float32([500.0, -300.0, 20.0])
    samples = map_.query(points)
    assert samples.is_valid.mean() > 0.98
    assert np.median(np.abs(samples.sdf_m)) < 0.01


def test_frames_beyond_the_budget_are_counted(make_implicit, see, monkeypatch):
    monkeypatch.setattr("slam.maps.implicit.observed.BLOCK_BYTES", 1_000)
    map_ = make_implicit(budget_mb=1, first_steps=1, steps=1)
    for index in range(3):
        map_.integrate(*see(index=index))
    assert map_.num_refused == 3
    assert 0.0 < map_.query(wall_points()).is_valid.mean() < 1.0


def test_time_budgets_bound_the_steps(make_implicit, see, monkeypatch):
    steps = []
    map_ = make_implicit(steps=50, budget_ms=1e-3)
    map_.integrate(*see())
    monkeypatch.setattr(map_._trainer, "_step", steps.append)
    map_.integrate(*see(index=1))
    assert len(steps) == 1  # the deadline has passed when the first is done
    map_.config = replace(map_.config, budget_ms=0.0)
    map_.integrate(*see(index=2))
    assert len(steps) == 51
    map_.config = replace(map_.config, budget_ms=1e6)
    map_.set_effort(0.0)
    map_.integrate(*see(index=3))
    assert len(steps) == 52


def test_without_a_time_budget_nothing_depends_on_speed():
    config = Config(implicit=ImplicitConfig(budget_ms=7.0))
    assert without_time_budget(config).implicit.budget_ms == 0.0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"layers": 0}, r"implicit\.layers must be in 1 \.\. 16, got 0"),
        ({"width": 0}, r"implicit\.width must be"),
        ({"points": 0}, r"implicit\.points must be"),
        ({"hash_levels": 0}, r"implicit\.hash_levels must be"),
        ({"hash_table_bits": 40}, r"implicit\.hash_table_bits must be in 1 \.\. 24, got 40"),
        ({"hash_fine_m": 2.0}, r"hash_fine_m must be at most hash_coarse_m \(1\), got 2"),
        ({"truncation_m": 0.0}, r"implicit\.truncation_m must be in 0\.002 \.\. 10, got 0"),
        ({"known_share": 1.5}, r"implicit\.known_share must be in 0 \.\. 1, got 1\.5"),
        ({"rate": -1.0}, r"implicit\.rate must be at least 0, got -1"),
    ],
)
def test_senseless_settings_are_refused(changes, says):
    from slam.maps.implicit.map import ImplicitMap

    with pytest.raises(SlamError, match=says):
        ImplicitMap(ImplicitConfig(**changes), DepthNoise.rendered())
