"""Planes go on where nobody has looked, and nowhere else."""

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import NeuralConfig
from slam.maps.neural.map import NeuralMap
from slam.maps.neural.prediction import REACH, continued
from slam.maps.neural.visibility import View, is_free, views_of
from slam.sources.synthetic import open_synthetic

from .test_planes import X, Y, sheets

CELL_M = 0.05


@pytest.fixture
def empty_field():
    return NeuralMap(NeuralConfig(budget_mb=64), DepthNoise.rendered())._content().grid.field


def area_m2(vertices_m, triangles) -> float:
    a, b, c = np.moveaxis(vertices_m[triangles].astype(np.float64), 1, 0)
    return 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())


def framed_hole():
    """A square of 2 m at z = 0 that faces up, with a hole of 0.6 m in its middle."""
    return sheets(
        (-X - Y, 2 * X, 0.7 * Y), (-X + 0.3 * Y, 2 * X, 0.7 * Y),
        (-X - 0.3 * Y, 0.7 * X, 0.6 * Y), (0.3 * X - 0.3 * Y, 0.7 * X, 0.6 * Y),
    )  # fmt: skip


def test_a_plane_closes_its_hole_and_goes_on_by_half_its_size(empty_field):
    vertices_m, triangles = continued(empty_field, framed_hole(), [], CELL_M)
    np.testing.assert_allclose(vertices_m[:, 2], 0.0, atol=1e-4)
    corners = vertices_m[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] > 0).all()  # it faces as what was seen
    radius_m = np.abs(vertices_m[:, :2]).max(axis=1)
    reach_m = REACH * np.sqrt(4.0 - 0.36)
    assert radius_m.max() == pytest.approx(1.0 + reach_m, abs=2 * CELL_M)
    is_in_hole = (np.abs(corners[..., :2]) < 0.3 + CELL_M).all(axis=(1, 2))
    assert area_m2(vertices_m, triangles[is_in_hole]) == pytest.approx(0.36, rel=0.3)


def test_what_was_seen_to_be_free_stays_free(empty_field):
    """A camera above looks through the hole, as far as its image reaches, to a floor below."""
    camera = Camera(80, 60, 80.0, 80.0, 39.5, 29.5)
    T_camera_world = np.diag([1.0, -1.0, -1.0, 1.0])
    T_camera_world[2, 3] = 1.0  # 1 m above, looking down
    view = View(camera, T_camera_world, np.full((60, 80), 2.0, np.float32))
    vertices_m, triangles = continued(empty_field, framed_hole(), [view], CELL_M)
    middles = vertices_m[triangles].mean(axis=1)
    assert not is_free(middles, [view]).any()
    assert (np.abs(middles[:, :2]).max(axis=1) > 0.9).all()  # the hole is open
    assert is_free(np.zeros((1, 3), np.float32), [view]).all()
    assert not is_free(np.array([[0, 0, -0.98], [0, 0, 1.5], [3, 0, 0]], np.float32), [view]).any()


def test_predicted_surface_of_a_room_is_where_its_walls_are():
    """From a quarter of the walk: most of the guess is near, and nothing in free space."""
    source = open_synthetic("room")
    truth = source.ground_truth().Ts_world_camera
    map_ = NeuralMap(NeuralConfig(steps=0, first_steps=0, budget_mb=512), DepthNoise.rendered())
    for index in range(0, 75, 5):
        map_.integrate(source.read(index), truth[index])
    mesh = map_.mesh()
    predicted = mesh.predicted()
    middles = predicted.vertices_m[predicted.triangles].mean(axis=1)
    assert area_m2(predicted.vertices_m, predicted.triangles) > 2.0
    assert np.median(np.abs(source.scene.sdf(middles))) < 0.01
    views = views_of(map_._content().grid.field, map_._keyframes.items)
    assert is_free(middles, views).mean() < 0.02
