"""Mesh scores on surfaces whose distances are known."""

import numpy as np
import pytest

from slam.camera import Camera
from slam.errors import SlamError
from slam.evaluation.mesh import depth_l1, evaluate_mesh, is_in_view, is_seen
from slam.evaluation.surface import Surface
from slam.geometry import se3_exp
from slam.maps.base import Mesh

CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
FEW = {"num_points": 20_000, "num_depth_views": 20}


def mesh(vertices_m: np.ndarray, triangles: np.ndarray) -> Mesh:
    vertices_m = np.asarray(vertices_m, dtype=np.float32)
    colors = np.zeros(vertices_m.shape, dtype=np.uint8)
    return Mesh(vertices_m, colors, np.asarray(triangles, dtype=np.int32))


def wall(x_m: tuple[float, float], y_m: tuple[float, float], z_m: float) -> Mesh:
    """A rectangle that faces a camera at the origin."""
    corners = [[x, y, z_m] for y in y_m for x in x_m]
    return mesh(np.array(corners), np.array([[0, 2, 1], [1, 2, 3]]))


def joined(*parts: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(part.vertices_m) for part in parts)])
    triangles = [part.triangles + start for part, start in zip(parts, starts, strict=False)]
    return mesh(np.concatenate([part.vertices_m for part in parts]), np.concatenate(triangles))


def sphere(radius_m: float, center_m: np.ndarray) -> Mesh:
    """A sphere of 120 x 240 quadrilaterals, at most radius * 1e-4 inside the true one."""
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, 121), np.linspace(0, 2 * np.pi, 241), indexing="ij"
    )
    points = np.stack(
        [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1
    )
    index = np.arange(121 * 241).reshape(121, 241)
    a, b, c, d = (index[i : 120 + i, j : 240 + j].ravel() for i, j in np.ndindex(2, 2))
    triangles = np.concatenate([np.stack([a, c, b], axis=1), np.stack([b, c, d], axis=1)])
    return mesh(radius_m * points.reshape(-1, 3) + center_m, triangles)


def views(num: int = 8) -> np.ndarray:
    """Cameras within 10 cm of the origin that look along z."""
    random = np.random.default_rng(0)
    twists = random.uniform(-0.1, 0.1, (num, 6)) * [1, 1, 1, 0.2, 0.2, 0.2]
    return np.array([se3_exp(twist) for twist in twists])


WALL = wall((-1.0, 1.0), (-0.8, 0.8), 2.0)


def test_equal_meshes_have_no_error():
    scores = evaluate_mesh(WALL, WALL, CAMERA, views(), **FEW)
    np.testing.assert_allclose(
        [scores.accuracy_cm, scores.completion_cm, scores.depth_l1_cm], 0.0, atol=1e-4
    )
    assert (scores.completion_ratio, scores.precision, scores.recall, scores.f1) == (1, 1, 1, 1)
    assert scores.depth_hole_ratio == 0.0
    assert scores.num_points_estimate == scores.num_points_truth == 20_000


@pytest.mark.parametrize(("shift_m", "is_within_1_cm"), [(-0.005, 1.0), (0.02, 0.0)])
def test_shifted_wall_is_off_by_the_shift(shift_m, is_within_1_cm):
    shifted = wall((-1.0, 1.0), (-0.8, 0.8), 2.0 + shift_m)
    scores = evaluate_mesh(shifted, WALL, CAMERA, views(), **FEW)
    assert scores.accuracy_cm == pytest.approx(100 * abs(shift_m), rel=1e-4)
    assert scores.completion_cm == pytest.approx(100 * abs(shift_m), rel=1e-4)
    assert scores.precision == scores.recall == scores.f1 == is_within_1_cm
    assert scores.completion_ratio == 1.0
    # z-depth along a ray differs from the shift by 1 / cos of the view's turn: below 1 %.
    assert scores.depth_l1_cm == pytest.approx(100 * abs(shift_m), rel=0.02)


def test_concentric_spheres_around_the_camera():
    Ts_world_camera = np.array(
        [se3_exp(np.array([0, 0, 0, 0, a, 0.0])) for a in np.linspace(0, 2 * np.pi, 12)]
    )
    inner, outer = (sphere(radius_m, np.zeros(3)) for radius_m in (1.99, 2.0))
    scores = evaluate_mesh(inner, outer, CAMERA, Ts_world_camera, **FEW)
    assert scores.accuracy_cm == pytest.approx(1.0, abs=0.02)
    assert scores.completion_cm == pytest.approx(1.0, abs=0.02)
    # Only the band that the cameras turn through counts: |y| < r sin(atan(240 / 525)).
    band = np.sin(np.arctan(240 / 525))
    assert scores.num_points_truth / 20_000 == pytest.approx(band, abs=0.03)


def test_a_missing_part_is_seen_by_completion_only():
    # The right half is missing: its points are up to 1 m from the left half.
    half = wall((-1.0, 0.0), (-0.8, 0.8), 2.0)
    scores = evaluate_mesh(half, WALL, CAMERA, views(), **FEW)
    assert scores.accuracy_cm == pytest.approx(0.0, abs=1e-4)
    assert scores.precision == 1.0
    # Four standard deviations of a share of 20,000 points are 1.4 %.
    assert scores.completion_cm == pytest.approx(25.0, rel=0.03)
    assert scores.completion_ratio == pytest.approx(0.525, abs=0.015)
    assert scores.recall == pytest.approx(0.505, abs=0.015)
    assert scores.f1 == pytest.approx(2 * scores.recall / (1 + scores.recall))
    assert scores.depth_l1_cm == pytest.approx(0.0, abs=1e-4)
    assert scores.depth_hole_ratio == pytest.approx(0.5, abs=0.1)


def test_what_no_camera_sees_is_culled_from_both():
    behind_wall = wall((-1.0, 1.0), (-0.8, 0.8), 2.5)
    behind_camera = wall((-1.0, 1.0), (-0.8, 0.8), -2.0)
    too_far = wall((-4.0, -3.0), (-0.8, 0.8), 6.0)
    beside = wall((5.0, 6.0), (-0.8, 0.8), 2.0)
    extras = joined(behind_wall, behind_camera, too_far, beside)
    for estimate, truth in [(WALL, joined(WALL, extras)), (joined(WALL, extras), WALL)]:
        scores = evaluate_mesh(estimate, truth, CAMERA, views(), **FEW)
        assert scores.accuracy_cm == pytest.approx(0.0, abs=1e-4)
        assert scores.completion_cm == pytest.approx(0.0, abs=1e-4)


def test_the_truth_hides_what_the_estimate_leaves_open():
    """What shows through a hole of the estimate is culled: no camera could see it in the room."""
    half = wall((-1.0, 0.0), (-0.8, 0.8), 2.0)
    estimate = joined(half, wall((-1.0, 1.0), (-0.8, 0.8), 2.5))
    scores = evaluate_mesh(estimate, WALL, CAMERA, views(), **FEW)
    assert scores.accuracy_cm == pytest.approx(0.0, abs=1e-4)
    assert scores.completion_ratio < 0.55


def test_a_phantom_before_the_surface_counts():
    phantom = wall((-0.1, 0.1), (-0.1, 0.1), 1.5)
    scores = evaluate_mesh(joined(WALL, phantom), WALL, CAMERA, views(), **FEW)
    share = 0.04 / (3.2 + 0.04)
    assert scores.precision == pytest.approx(1.0 - share, abs=0.004)
    assert scores.accuracy_cm == pytest.approx(50.0 * share, rel=0.2)
    assert scores.completion_cm == pytest.approx(0.0, abs=1e-4)


def test_the_tolerance_behind_the_truth_is_3_cm():
    truth, one_view = Surface(WALL), np.eye(4)[None]
    points = np.array([[0, 0, z] for z in (0.19, 0.21, 1.0, 2.0, 2.02, 2.04)], dtype=np.float32)
    seen = is_seen(points, truth, CAMERA, one_view)
    np.testing.assert_array_equal(seen, [False, True, True, True, True, False])


def test_the_image_border_is_the_edge_of_the_pixels():
    truth, one_view = Surface(WALL), np.eye(4)[None]
    edge_m = 320.0 / 525.0
    points = np.array([[x, 0, 1] for x in (edge_m - 1e-3, edge_m + 1e-3)], dtype=np.float32)
    points = np.concatenate([points, points * np.float32([-1, 1, 1])])
    np.testing.assert_array_equal(
        is_seen(points, truth, CAMERA, one_view), [True, False, True, False]
    )


def test_a_mesh_of_another_world_is_in_no_view():
    here = np.tile(np.eye(4), (3, 1, 1))
    here[1] = np.nan  # a pose that is not known
    assert is_in_view(wall((-1, 1), (-1, 1), 2.0), CAMERA, here)
    assert not is_in_view(wall((-1, 1), (-1, 1), -2.0), CAMERA, here)
    assert not is_in_view(wall((-1, 1), (-1, 1), 2.0), CAMERA, here[1:2])


def test_samples_are_uniform_by_area_and_repeat():
    uneven = joined(wall((0.0, 3.0), (0.0, 1.0), 2.0), wall((0.0, 1.0), (0.0, 1.0), 4.0))
    points = Surface(uneven).sample(40_000, seed=1)
    assert np.mean(points[:, 2] == 2.0) == pytest.approx(0.75, abs=0.01)
    on_first = points[points[:, 2] == 2.0]
    np.testing.assert_allclose(on_first.mean(axis=0), [1.5, 0.5, 2.0], atol=0.02)
    np.testing.assert_allclose(on_first.std(axis=0), [3 / 12**0.5, 1 / 12**0.5, 0], atol=0.01)
    np.testing.assert_array_equal(points, Surface(uneven).sample(40_000, seed=1))
    assert (points != Surface(uneven).sample(40_000, seed=2)).any()


def test_rendered_depth_is_z_depth():
    depth_m = Surface(WALL).depth_m(CAMERA.scaled(0.25), np.eye(4))
    assert depth_m.shape == (120, 160)
    np.testing.assert_allclose(depth_m[depth_m > 0], 2.0, rtol=1e-6)
    small = CAMERA.scaled(0.25)
    u = np.arange(160)
    is_hit = np.abs((u - small.cx) / small.fx * 2.0) < 1.0
    np.testing.assert_array_equal(depth_m[60] > 0, is_hit)


def test_depth_views_repeat_and_depend_on_the_seed():
    surfaces = Surface(sphere(2.0, np.zeros(3))), Surface(sphere(2.0, np.array([0.1, 0, 0])))
    first, again, other = (
        depth_l1(*surfaces, CAMERA, views(), num_views=10, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_empty_and_unrelated_meshes_are_errors_of_one_line():
    empty = mesh(np.empty((0, 3)), np.empty((0, 3)))
    with pytest.raises(SlamError, match="the mesh is empty"):
        evaluate_mesh(empty, WALL, CAMERA, views(), **FEW)
    away = wall((-1.0, 1.0), (-0.8, 0.8), -2.0)
    with pytest.raises(SlamError, match="none of the estimated mesh is in view"):
        evaluate_mesh(away, WALL, CAMERA, views(), **FEW)
    with pytest.raises(SlamError, match="none of the true mesh is in view"):
        evaluate_mesh(WALL, away, CAMERA, views(), **FEW)
