"""Pictures of meshes, and the differences between them."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import Camera
from slam.evaluation.disagreement import LIMIT_M, depth_spread, mesh_differences, worst_views
from slam.evaluation.surface import Surface, camera_rays
from slam.evaluation.world import upright_axes
from slam.geometry import se3_exp, so3_exp
from slam.maps.base import Mesh
from slam.report.picture import Model, View, clay, colored, is_turned, look
from slam.report.views import apart, overviews

CAMERA = Camera(64, 48, 52.5, 52.5, 31.5, 23.5)
RGB = (200, 120, 40)
RED, BLUE = (255, 0, 0), (0, 0, 255)
BEHIND = np.diag([-1.0, 1.0, -1.0, 1.0])
BEHIND[2, 3] = 6.0  # 6 m on, looking back


def joined(*meshes: Mesh) -> Mesh:
    counts = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate([mesh.colors for mesh in meshes]),
        np.concatenate(
            [mesh.triangles + int(n) for mesh, n in zip(meshes, counts, strict=False)],
            dtype=np.int32,
        ),
    )


def painted(mesh: Mesh, rgb: tuple[int, int, int]) -> Mesh:
    return replace(mesh, colors=np.full(mesh.colors.shape, rgb, dtype=np.uint8))


def turned(mesh: Mesh) -> Mesh:
    return replace(mesh, triangles=np.ascontiguousarray(mesh.triangles[:, ::-1]))


def center(picture: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in picture[picture.shape[0] // 2, picture.shape[1] // 2])


def test_from_inside_the_first_surface_is_seen_with_its_colour(wall):
    mesh = joined(painted(wall(2.0), RED), painted(wall(3.0), BLUE))
    view = View(CAMERA, np.eye(4))
    assert center(colored(look(view, Model(mesh, Surface(mesh))))) == RED
    other_side = turned(mesh)
    assert center(colored(look(view, Model(other_side, Surface(other_side))))) == RED


@pytest.mark.parametrize("is_other_way", [False, True])
def test_from_outside_one_looks_through_what_is_seen_from_behind(wall, is_other_way):
    """The blue wall turns its back on a camera that stands beyond both and looks back."""
    mesh = joined(painted(turned(wall(2.0)), RED), painted(wall(3.0), BLUE))
    mesh = turned(mesh) if is_other_way else mesh
    model = Model(mesh, Surface(mesh), is_other_way)
    assert center(colored(look(View(CAMERA, BEHIND), model))) == BLUE
    red, green, blue = center(colored(look(View(CAMERA, BEHIND, is_outside=True), model)))
    assert red > 200
    assert green == blue == 0


def test_nothing_is_left_of_a_wall_seen_from_behind(wall):
    surface = Surface(wall(2.0))
    hits = surface.cast_to_front(camera_rays(CAMERA, BEHIND))
    assert not np.isfinite(hits.t).any()
    assert (hits.triangle == -1).all()
    assert np.isfinite(surface.cast_to_front(camera_rays(CAMERA, np.eye(4))).t).all()


def test_how_triangles_wind_is_seen_from_free_space(wall):
    views = [View(CAMERA, np.eye(4))]
    assert not is_turned(Surface(wall(2.0)), views)
    assert is_turned(Surface(turned(wall(2.0))), views)


def test_predicted_surface_is_told_by_its_colour(wall):
    mesh = replace(wall(2.0), is_predicted=np.ones(4, dtype=bool))
    model = Model(mesh, Surface(mesh))
    for draw in (colored, clay):
        red, green, blue = center(draw(look(View(CAMERA, np.eye(4)), model)))
        assert blue > red > green
    observed = replace(mesh, is_predicted=np.zeros(4, dtype=bool))
    seen = look(View(CAMERA, np.eye(4)), Model(observed, Surface(observed)))
    assert center(colored(seen)) == RGB


def test_depths_are_compared(wall):
    near, far = Surface(wall(2.0)), Surface(wall(2.03))
    to_the_left = np.array([0.0, 9.0, 9.0], dtype=np.float32)
    half = Surface(replace(wall(2.02), vertices_m=np.minimum(wall(2.02).vertices_m, to_the_left)))
    both = depth_spread([near, far], CAMERA, np.eye(4))
    assert both.is_everywhere.all()
    np.testing.assert_allclose(both.spread_m, 0.03, atol=1e-5)
    assert both.score_m == pytest.approx(0.03, abs=1e-5)
    three = depth_spread([near, half, far], CAMERA, np.eye(4))
    assert three.is_one_sided[:, 40:].all()
    assert three.is_everywhere[:, :24].all()
    # a pixel that one of them does not show counts as the limit
    assert three.score_m == pytest.approx(0.5 * (0.03 + LIMIT_M), abs=1e-3)


def test_the_worst_views_are_found(wall):
    """The meshes agree but for a bump 4 cm high, 1.2 m to the right."""
    flat = wall(2.0)
    to_the_right = np.array([1.2, 0.0, 0.0], dtype=np.float32)
    bump = replace(flat, vertices_m=np.float32(0.1) * wall(19.6).vertices_m + to_the_right)
    surfaces = [Surface(flat), Surface(joined(flat, bump))]
    shifts = np.linspace(-0.5, 1.2, 18)
    poses = np.array([se3_exp(np.array([x, 0.0, 0.0, 0.0, 0.0, 0.0])) for x in shifts])
    worst, *others = worst_views(surfaces, CAMERA, poses, 3)
    assert shifts[worst] > 0.5
    assert all(abs(shifts[k] - shifts[worst]) > 0.7 for k in others)


def test_only_what_the_views_see_is_compared(wall):
    """A wall 2 m away from the others' is no difference if no view shows it."""
    seen = wall(2.0)
    aside = replace(seen, vertices_m=seen.vertices_m + np.array([4, 0, 2], dtype=np.float32))
    surfaces = [Surface(seen), Surface(joined(wall(2.01), aside))]
    found = mesh_differences(surfaces, CAMERA, np.eye(4)[None])
    whole, (first, second) = found.whole, found.each
    assert found.pairs == {(0, 1): whole}
    assert first.mean_cm == pytest.approx(1.0, abs=0.01)
    assert second.p95_cm == pytest.approx(1.0, abs=0.01)
    assert whole.within_5_cm == 1.0


def test_poses_far_apart():
    shifts = [0.0, 0.01, 5.0, 5.01, 2.0]
    poses = np.array([se3_exp(np.array([x, 0.0, 0.0, 0.0, 0.0, 0.0])) for x in shifts])
    assert apart(poses, 3) == [0, 3, 4]
    assert apart(poses[:1], 3) == [0]
    assert apart(np.tile(np.eye(4), (5, 1, 1)), 3) == [0]


@pytest.mark.usefixtures("whole_reports")
def test_overviews_show_every_corner():
    vertices_m = np.random.default_rng(0).uniform([-2, -1, 0], [3, 4, 2.5], (2000, 3))
    for view in overviews(vertices_m.astype(np.float32), np.eye(3)):
        R, t = view.T_world_camera[:3, :3], view.T_world_camera[:3, 3]
        np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
        assert np.linalg.det(R) == pytest.approx(1.0)
        assert R[2, 1] < 0.0  # up in the picture is up in the room
        assert t[2] > 2.5
        x, y, z = R.T @ (vertices_m - t).T
        u = view.camera.fx * x / z + view.camera.cx
        v = view.camera.fy * y / z + view.camera.cy
        assert (
            (u >= 0) & (u < view.camera.width) & (v >= 0) & (v < view.camera.height)
        ).mean() > 0.99


def test_up_is_the_normal_of_the_floor(wall):
    """A camera looks 25 degrees down on a floor."""
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = so3_exp(np.array([np.deg2rad(-25.0), 0.0, 0.0]))  # y is down here
    poses = np.repeat(T_world_camera[None], 5, axis=0)
    floor = wall(0.0)  # z = 0, seen from z < 0
    floor = replace(floor, vertices_m=np.ascontiguousarray(floor.vertices_m[:, [0, 2, 1]]))
    floor = floor if _normal(floor)[1] < 0 else turned(floor)
    tilted, corrected = upright_axes(poses), upright_axes(poses, Surface(floor))
    assert np.rad2deg(np.arccos(-tilted[2, 1])) == pytest.approx(25.0)
    np.testing.assert_allclose(corrected, [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-6)


def _normal(mesh: Mesh) -> np.ndarray:
    a, b, c = mesh.vertices_m[mesh.triangles[0]]
    return np.cross(b - a, c - a)
