"""What holds for every map: what is in it after which frames."""

import threading

import numba
import numpy as np
import pytest

from kernels.threads import NUM_THREADS, SharedThreads
from slam.camera import Camera
from slam.errors import SlamError
from slam.maps import readings
from slam.maps.base import Map
from slam.maps.neural.map import NeuralMap

SPACING_M = 0.02
FRONT = (0.0, -1.5, 0.0)
POSITIONS = [(x, -1.5 + 0.1 * abs(x), z) for x in (-0.4, 0.0, 0.4) for z in (-0.2, 0.2)]


def wall_points(offset_m=0.0, half_m=0.5, num=2000) -> np.ndarray:
    """Points at a distance before the wall."""
    rng = np.random.default_rng(1)
    points = rng.uniform(-half_m, half_m, (num, 3)).astype(np.float32)
    points[:, 1] = -offset_m
    return points


def test_it_is_a_map(make_any):
    assert isinstance(make_any(), Map)


@pytest.mark.parametrize("voxel_size_m", [7.0, 0.0, float("nan")])
def test_a_mesh_of_senseless_voxels_is_refused(make_any, voxel_size_m):
    with pytest.raises(SlamError, match=r"must be 0\.001 \.\. 0\.5 m, got"):
        make_any().mesh(voxel_size_m)


def test_an_empty_map_knows_nothing(make_any, see):
    map_ = make_any()
    assert map_.nbytes == 0
    assert len(map_.mesh().triangles) == 0
    assert not map_.query(wall_points()).is_valid.any()
    frame, T = see()
    assert not map_.render(frame.camera, T).depth_m.any()


def test_a_frame_without_depth_changes_nothing(make_any, see):
    map_ = make_any()
    frame, T = see()
    frame.depth_m[:] = 0.0
    map_.integrate(frame, T)
    assert map_.nbytes == 0
    map_.integrate(*see(index=1))
    before, nbytes = map_.query(wall_points()), map_.nbytes
    map_.integrate(frame, T)
    assert map_.nbytes == nbytes
    assert before.is_valid.mean() > 0.9
    np.testing.assert_array_equal(map_.query(wall_points()).is_valid, before.is_valid)
    assert map_.num_refused == 0


# Half a spacing off would be 0.5 at any slope; half a pixel off is 0.5 x 1.5 m / 262 px x
# sin(slope): 0.07 spacings at 30 degrees, 0.12 at 60.
@pytest.mark.parametrize("slope_deg", [0.0, 30.0, -45.0, 60.0])
@pytest.mark.parametrize("offset", [-1.0, 0.0, 1.5])
def test_the_distance_to_a_slanted_wall_has_no_bias(make_any, see, slope_deg, offset):
    map_ = make_any()
    slope = np.deg2rad(slope_deg)
    frame, T = see((1.5 * np.sin(slope), -1.5 * np.cos(slope), 0.0), zoom=2.0)
    map_.integrate(frame, T)
    samples = map_.query(wall_points(offset * SPACING_M, half_m=0.3))
    assert samples.is_valid.mean() > 0.99
    error = samples.sdf_m[samples.is_valid] / SPACING_M - offset
    assert abs(error.mean()) < 0.05
    np.testing.assert_allclose(
        np.median(samples.gradient[samples.is_valid], axis=0), [0, -1, 0], atol=0.03
    )


def test_a_map_renders_what_it_saw(make_any, see):
    map_ = make_any()
    frame, T = see((0.7, -1.3, 0.3), has_box=False)
    map_.integrate(frame, T)
    rendering = map_.render(frame.camera, T)
    inner = np.s_[4:-4, 4:-4]  # the border's cells lack a corner
    assert (rendering.depth_m[inner] > 0).mean() > 0.98  # cells at the view's edge reach beyond it
    error_m = (rendering.depth_m - frame.depth_m)[inner][rendering.depth_m[inner] > 0]
    assert np.abs(np.median(error_m)) < 0.05 * SPACING_M
    assert np.percentile(np.abs(error_m), 99) < 0.25 * SPACING_M
    is_seen = rendering.depth_m > 0
    np.testing.assert_allclose(
        np.median(rendering.color[is_seen], axis=0), np.median(frame.color[is_seen], axis=0), atol=4
    )


def test_a_box_that_went_away_is_carved_away(make_any, see):
    map_ = make_any(max_weight=16.0)
    for index in range(8):
        map_.integrate(*see(FRONT, has_box=True, index=index))
    assert (map_.mesh().observed().vertices_m[:, 1] < -0.4).sum() > 100
    for index in range(60):
        map_.integrate(*see(FRONT, has_box=False, index=index))
    assert not (map_.mesh().observed().vertices_m[:, 1] < -0.1).any()
    behind = map_.query(wall_points(half_m=0.15))  # the wall behind it has come in sight
    assert behind.is_valid.all()
    assert np.abs(behind.sdf_m).max() < 0.25 * SPACING_M


def test_depth_without_colour_makes_a_map(make_any, see):
    map_ = make_any()
    frame, T = see(has_color=False)
    map_.integrate(frame, T)
    samples = map_.query(wall_points())
    assert samples.is_valid.mean() > 0.99
    assert np.abs(samples.sdf_m).max() < 0.25 * SPACING_M
    # cells at the edge of the view reach beyond it
    assert (map_.render(frame.camera, T).depth_m[6:-6, 6:-6] > 0).mean() > 0.98
    mesh = map_.mesh().observed()
    assert len(mesh.triangles) > 1000
    assert (mesh.colors == mesh.colors[0, 0]).all()  # grey


def test_colour_may_come_and_go(make_any, see):
    map_ = make_any()
    for index in range(12):
        map_.integrate(*see(has_color=index % 2 == 1, index=index))
    mesh = map_.mesh().observed()
    expected = np.median(see()[0].color.reshape(-1, 3), axis=0)
    np.testing.assert_allclose(np.median(mesh.colors, axis=0), expected, atol=8)


# Averages of 4 x 4 pixels, lattices and cells of rays all end before the border or on it.
@pytest.mark.parametrize("size", [(161, 123), (163, 121), (33, 32), (32, 47)])
def test_any_image_size_is_integrated(make_any, see, size):
    width, height = size
    camera = Camera(width, height, 131.0, 131.0, width / 2 - 0.4, height / 2 + 0.3)
    map_ = make_any()
    for index in range(7):
        frame, T = see(index=index, camera=camera)
        map_.integrate(frame, T)
    samples = map_.query(wall_points(half_m=0.08))
    assert samples.is_valid.all()
    assert np.abs(samples.sdf_m).max() < 0.25 * SPACING_M
    # cells at the edge of the view reach beyond it
    assert (map_.render(frame.camera, T).depth_m[6:-6, 6:-6] > 0).mean() > 0.98


def test_a_map_can_be_read_while_it_grows(make_any, see):
    map_ = make_any(initial_capacity=8)
    frame, T = see()
    map_.integrate(frame, T)
    errors = []

    def integrate():
        try:
            for position in POSITIONS * 3:
                map_.integrate(*see(position))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=integrate)
    thread.start()
    while thread.is_alive():
        samples = map_.query(wall_points(half_m=0.3))
        assert samples.is_valid.mean() > 0.99
        assert np.abs(samples.sdf_m[samples.is_valid]).max() < 0.5 * SPACING_M
        assert (map_.render(frame.camera, T).depth_m[10:-10, 10:-10] > 0).mean() > 0.99
    thread.join(timeout=30)
    assert not errors


def test_the_tracker_has_its_threads_back_before_a_frame_is_prepared(make_any, see, monkeypatch):
    map_, (frame, T) = make_any(), see()
    shared, numbers = SharedThreads(in_turns=False), []
    is_second, is_first_busy = threading.Event(), threading.Event()
    prepare = readings.readings_of

    def spy(*args):
        numbers.append(numba.get_num_threads())
        return prepare(*args)

    def integrate():
        shared.be_second()  # with all threads: the first has nothing to do
        is_second.set()
        is_first_busy.wait(10)
        map_.integrate(frame, T)

    monkeypatch.setattr(readings, "readings_of", spy)
    thread = threading.Thread(target=integrate)
    thread.start()
    is_second.wait(10)
    with shared.first():
        is_first_busy.set()
        thread.join(60)
    assert numbers == [max(1, NUM_THREADS // 2)]


def test_growth_leaves_no_trace(make_any, see):
    """A map that has grown holds what one has that was large at once, in the same order or not."""
    maps = [make_any(initial_capacity=capacity) for capacity in (8, 8192)]
    for map_ in maps:
        map_.integrate(*see())
        map_.integrate(*see((0.4, -1.4, 0.2), index=1))
    small, large = (map_.query(wall_points()) for map_ in maps)
    np.testing.assert_array_equal(small.is_valid, large.is_valid)
    np.testing.assert_allclose(small.sdf_m, large.sdf_m, atol=0.05 * SPACING_M)
    assert maps[0].nbytes == maps[1].nbytes
    assert maps[0].num_refused == maps[1].num_refused == 0


@pytest.mark.parametrize("initial_capacity", [16, 4096])
def test_a_map_keeps_to_its_budget(make_any, see, initial_capacity):
    map_ = make_any(initial_capacity, budget_mb=1)
    for index, position in enumerate(POSITIONS):
        map_.integrate(*see(position, index=index))
    keyframe_bytes = 2 * 16 * (160 // 4) * (120 // 4)  # two of the six frames, a ray every 4 x 4
    # the base of a neural map has a whole megabyte at least, beside what the other levels share
    more_bytes = 680_000 if isinstance(map_, NeuralMap) else 0
    assert 500_000 < map_.nbytes <= 1_000_000 + more_bytes + keyframe_bytes
    assert map_.num_refused >= len(POSITIONS) - 1
    mesh = map_.mesh().observed()
    assert len(mesh.triangles) > 100
    assert np.abs(mesh.vertices_m[:, 1]).max() < 0.5 * SPACING_M  # all on the wall


def test_a_pose_may_lie_in_memory_in_any_order(make_any, see):
    frame, T_world_camera = see()
    rendered = []
    for T in (T_world_camera, np.asfortranarray(T_world_camera)):
        map_ = make_any()
        map_.integrate(frame, T)
        rendered.append(map_.render(frame.camera, T).depth_m)
    assert (rendered[0] > 0).mean() > 0.9
    np.testing.assert_array_equal(*rendered)
