"""The neural map against the room's exact surface, and what it promises about its updates."""

import cv2
import numpy as np
import pytest

from kernels import field as field_ops
from slam.config import Config, NeuralConfig, without_time_budget
from slam.errors import SlamError

CLOSE_M = 0.003  # a tenth of the fine spacing


def surface_points(room, step=5) -> np.ndarray:
    return np.concatenate([room.points(frame, step) for frame in room.frames[::2]])


def rms_m(map_, points) -> float:
    """How far from zero a map's distance is at points of the surface."""
    samples = map_.query(points)
    return float(np.sqrt(np.square(samples.sdf_m[samples.is_valid], dtype=np.float64).mean()))


def psnr_db(image, truth) -> float:
    error = image.astype(np.float64) - truth
    return float(10.0 * np.log10(255.0**2 / np.square(error).mean()))


def assert_same(one, other, points, view):
    for name in ("sdf_m", "gradient", "is_valid"):
        a, b = (getattr(map_.query(points), name) for map_ in (one, other))
        np.testing.assert_array_equal(a, b)
    for name in ("depth_m", "normals", "color", "confidence"):
        a, b = (getattr(map_.render(*view), name) for map_ in (one, other))
        np.testing.assert_array_equal(a, b)


def test_the_distance_is_zero_on_the_surface(room, room_map):
    points = surface_points(room)
    assert np.abs(room.scene.sdf(points)).max() < 1e-5  # they are on it
    samples = room_map.query(points)
    assert samples.is_valid.mean() > 0.95
    assert np.median(np.abs(samples.sdf_m[samples.is_valid])) < CLOSE_M


@pytest.mark.parametrize("offset_m", [-0.02, 0.02, 0.04])
def test_the_distance_is_right_beside_the_surface(room, room_map, offset_m):
    """Along the true normal, where the surface is flat that far round."""
    points = surface_points(room)
    normals, is_flat = true_normals(room.scene, points)
    beside = (points + offset_m * normals)[is_flat]
    samples = room_map.query(beside)
    assert samples.is_valid.mean() > 0.9
    error_m = samples.sdf_m[samples.is_valid] - offset_m
    assert np.median(np.abs(error_m)) < CLOSE_M


def true_normals(scene, points, step_m=0.01):
    """Return the gradient of the true distance, and where a step along it leads as far away."""
    shifted = (points + sign * step_m * axis for axis in np.eye(3) for sign in (1, -1))
    sdf_m = [scene.sdf(p.astype(np.float32)) for p in shifted]
    normals = np.stack([sdf_m[k] - sdf_m[k + 1] for k in (0, 2, 4)], axis=1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = (normals / np.maximum(length, 1e-9)).astype(np.float32)
    away = [scene.sdf(points + s * normals) for s in (np.float32(0.06), np.float32(0.03))]
    is_flat = (np.abs(away[0] - 0.06) < 1e-4) & (np.abs(away[1] - 0.03) < 1e-4)
    is_flat &= np.abs(length[:, 0] - 2.0 * step_m) < 1e-4
    return normals, is_flat


def test_the_gradient_is_the_normal(room, room_map):
    points = surface_points(room)
    normals, is_flat = true_normals(room.scene, points)
    samples = room_map.query(points[is_flat])
    gradient = samples.gradient[samples.is_valid]
    length = np.linalg.norm(gradient, axis=1)
    assert np.median(np.abs(length - 1.0)) < 0.03
    cosine = np.einsum("ij,ij->i", gradient, normals[is_flat][samples.is_valid]) / length
    # a millimetre across a cell of 3 cm is 2 degrees
    assert np.rad2deg(np.arccos(np.median(cosine).clip(-1, 1))) < 2.0


@pytest.mark.parametrize("number", [0, 6, 10])
def test_what_was_seen_is_rendered(room, room_map, number):
    frame = room.frames[number]
    rendering = room_map.render(frame.camera, room.Ts_world_camera[frame.index])
    is_hit = rendering.depth_m > 0
    assert is_hit.mean() > 0.9  # the first is seen once where the camera turned away
    assert np.median(np.abs(rendering.depth_m - frame.depth_m)[is_hit]) < CLOSE_M
    np.testing.assert_allclose(np.linalg.norm(rendering.normals[is_hit], axis=1), 1.0, atol=1e-3)
    # No worse than the picture blurred over a cell of the middle level, six of the colour's, in
    # which a map without any colour of its own would end.
    width = 2 * round(0.12 * frame.camera.fx / float(np.median(frame.depth_m)) / 2) + 1
    blurred = cv2.blur(frame.color, (width, width))
    bound_db = psnr_db(blurred[is_hit], frame.color[is_hit])
    assert psnr_db(rendering.color[is_hit], frame.color[is_hit]) > bound_db


def test_the_mesh_lies_on_the_surface(room, room_map):
    mesh = room_map.mesh()
    seen, guessed = mesh.vertices_m[~mesh.is_predicted], mesh.vertices_m[mesh.is_predicted]
    assert len(seen) > 10_000
    error_m = np.abs(room.scene.sdf(seen))
    spacing_m = room_map.config.fine_spacing_m
    assert np.median(error_m) < CLOSE_M
    assert np.percentile(error_m, 90) < spacing_m / 2  # the rest is round what hides what is behind
    samples = room_map.query(seen)
    assert samples.is_valid.mean() > 0.99
    assert np.abs(samples.sdf_m).max() < 0.1 * spacing_m  # marching cubes' chord, over half a cell
    # no cell of the guess is observed in its middle, but corners where it goes on from what is are
    assert len(guessed) > 1000
    assert room_map.query(guessed).is_valid.mean() < 0.1


def test_what_is_predicted_in_the_room_is_about_right(room, room_map):
    """Behind its walls nothing is known; in it, half of the guess is within 1 cm."""
    guessed = room_map.mesh().predicted().vertices_m
    is_inside = ((guessed > -0.1) & (guessed < [5.1, 4.1, 2.6])).all(axis=1)
    assert is_inside.sum() > 100
    error_m = np.abs(room.scene.sdf(guessed[is_inside]))
    assert np.median(error_m) < 0.01


def test_training_makes_it_better(room, make_room_map):
    """Than the base alone, on clean data and true poses."""
    points = surface_points(room)
    seed = make_room_map(steps=0, first_steps=0)
    few, more = make_room_map(steps=3), make_room_map(steps=30)
    assert rms_m(more, points) < rms_m(few, points) < rms_m(seed, points)


def test_the_same_frames_give_the_same_bits(room, room_map, make_room_map):
    frame = room.frames[5]
    view = frame.camera, room.Ts_world_camera[frame.index]
    assert_same(room_map, make_room_map(), surface_points(room), view)


def test_deterministic_takes_the_clock_out():
    assert without_time_budget(Config(neural=NeuralConfig(budget_ms=7.0))).neural.budget_ms == 0.0


FAR_M = 3.0  # twice what a frame shows of the wall


def see_along_the_wall(see, x_m, index):
    return see((x_m, -1.5, 0.0), target_m=(x_m, 0.0, 0.0), index=index)


def test_what_is_far_stays_as_it_is(make_neural, see):
    """Local updates: only what the window's keyframes see is trained."""
    map_ = make_neural(keyframe_every=1)
    for index in range(4):
        map_.integrate(*see_along_the_wall(see, 0.05 * index, index))
    # the keyframe before the newest is always trained on, so the first one here is still near
    map_.integrate(*see_along_the_wall(see, FAR_M, 4))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (3000, 3)).astype(np.float32)
    points[:, 1] *= 0.1
    there = points + np.float32([FAR_M, 0.0, 0.0])
    here_before, there_before = map_.query(points), map_.query(there)
    assert here_before.is_valid.mean() > 0.5
    for index in range(5, 10):
        map_.integrate(*see_along_the_wall(see, FAR_M + 0.05 * index, index))
    here = map_.query(points)
    for name in ("sdf_m", "gradient", "is_valid"):
        np.testing.assert_array_equal(getattr(here, name), getattr(here_before, name))
    assert (map_.query(there).sdf_m != there_before.sdf_m).any()


@pytest.fixture
def num_steps(monkeypatch):
    """Count the steps of the training."""
    calls = []
    take = field_ops.gradients

    def counted(*args):
        calls.append(1)
        return take(*args)

    monkeypatch.setattr(field_ops, "gradients", counted)
    return lambda: len(calls)


def test_a_budget_of_time_ends_the_steps_of_a_frame(make_neural, see, num_steps):
    map_ = make_neural(budget_ms=1e-3, first_steps=5, steps=50)
    map_.integrate(*see())
    assert num_steps() == 5  # there is no hurry before the first frame is mapped
    for index in range(1, 5):
        map_.integrate(*see(index=index))
    assert num_steps() <= 5 + 4  # at most the one that is due


def test_without_a_budget_of_time_all_steps_are_taken(make_neural, see, num_steps):
    map_ = make_neural(budget_ms=0.0, first_steps=5, steps=4)
    for index in range(4):
        map_.integrate(*see(index=index))
    assert num_steps() == 5 + 3 * 4


def test_polishing_trains_on_all_keyframes_and_ends_when_told(make_neural, see, num_steps):
    map_ = make_neural(keyframe_every=1, steps=0, first_steps=0, window=2, polish_s=60.0)
    for index in range(3):
        map_.integrate(*see((0.2 * index, -1.5, 0.0), index=index))
    color_before = map_._grid.color.level.features.copy()
    map_.polish(lambda: True)
    assert num_steps() == 0
    map_.polish(lambda: num_steps() == 2)  # a round: two keyframes, then the third
    assert num_steps() == 2
    changed = (map_._grid.color.level.features != color_before).any(axis=(1, 2))
    assert changed[: map_._grid.color.count].mean() > 0.5
    map_.polish(lambda: False)
    assert 2 < num_steps() <= 2 + 16 * 3  # no longer than it is of use


def test_without_time_there_is_no_polish(make_neural, see, num_steps):
    assert without_time_budget(Config(neural=NeuralConfig(polish_s=7.0))).neural.polish_s == 0.0
    map_ = make_neural(first_steps=0, polish_s=0.0)
    map_.integrate(*see())
    map_.polish(lambda: False)
    assert num_steps() == 0


def test_a_thousand_keyframes_fit_into_half_a_gigabyte(make_neural, see):
    """Of 640 x 480 pixels; what a keyframe adds when it brings no new block."""
    map_ = make_neural(keyframe_every=1, steps=0, first_steps=0)
    map_.integrate(*see(zoom=4.0))
    before = map_.nbytes
    frame, T = see(zoom=4.0, index=1)
    assert frame.depth_m.shape == (480, 640)
    map_.integrate(frame, T)
    keyframe_bytes = map_.nbytes - before
    assert map_.num_keyframes == 2
    assert keyframe_bytes >= 640 // 4 * 480 // 4  # there are rays in it
    assert 1000 * keyframe_bytes < 500e6


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"fine_spacing_m": 0.0}, "neural.fine_spacing_m must be in 0.002 .. 2, got 0"),
        ({"middle_spacing_m": 3.0}, "neural.middle_spacing_m must be in"),
        ({"color_spacing_m": 0.001}, "neural.color_spacing_m must be in"),
        ({"base_spacing_m": 0.001}, "neural.base_spacing_m must be in"),
        ({"truncation_m": 0.02}, "neural.truncation_m must be 2 spacings of the base"),
        ({"truncation_m": 1.5}, "neural.truncation_m must be"),
        ({"max_weight": 0.5}, "neural.max_weight must be at least 1, got 0.5"),
        ({"keyframe_every": 0}, "neural.keyframe_every must be at least 1, got 0"),
        ({"ray_cell": 0}, "neural.ray_cell must be at least 1"),
        ({"window": 0}, "neural.window must be at least 1"),
        ({"rays": 0}, "neural.rays must be at least 1"),
        ({"budget_mb": 0}, "neural.budget_mb must be at least 1"),
        ({"budget_mb": 10**9}, "lower --neural.budget-mb"),
    ],
)
def test_a_config_that_makes_no_map_is_refused_in_one_line(make_neural, values, says):
    with pytest.raises(SlamError, match=says) as caught:
        make_neural(**values)
    assert "\n" not in str(caught.value)
