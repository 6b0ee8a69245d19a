"""What counts as a whole room, and how much of it a mesh has."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from slam.evaluation.surface import Surface
from slam.evaluation.whole import borders_room, evaluate_whole
from slam.maps.base import Mesh
from slam.scenes.scene import Builder, Material, Scene

GREY = Material((90, 90, 90), (90, 90, 90))
NUM = 100_000


def room(*boxes, has_ceiling=True) -> Scene:
    """A room of 4 x 3 x 2.5 m inside, its walls 0.2 m thick, with boxes (x, y, z, size) in it."""
    b = Builder()
    b.box(2, 1.5, -0.2, (4.4, 3.4, 0.2), GREY)
    if has_ceiling:
        b.box(2, 1.5, 2.5, (4.4, 3.4, 0.2), GREY)
    for x in (-0.1, 4.1):
        b.box(x, 1.5, 0, (0.2, 3.4, 2.5), GREY)
    for y in (-0.1, 3.1):
        b.box(2, y, 0, (4.4, 0.2, 2.5), GREY)
    for box in boxes:
        b.box(*box, GREY)
    return b.build("room")


def counted_m2(scene: Scene) -> float:
    mesh = scene.mesh(max_edge_m=5.0)
    a, b, c = np.moveaxis(mesh.vertices_m[mesh.triangles].astype(np.float64), 1, 0)
    area_m2 = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    surface = Surface(mesh)
    points, normals = surface.sample_with_normals(NUM, 0)
    return area_m2 * float(np.mean(borders_room(points, normals, surface, scene.sdf)))


EMPTY_M2 = 2 * 4 * 3 + 2 * (4 + 3) * 2.5


@pytest.mark.parametrize(
    ("boxes", "expected_m2"),
    [
        pytest.param([], EMPTY_M2, id="empty"),
        # hides 1 m2 of floor and shows 1 m2 of top and four sides of 1 m2
        pytest.param([(2, 1.5, 0, (1, 1, 1))], EMPTY_M2 + 4, id="on the floor"),
        pytest.param([(2, 1.5, -0.1, (1, 1, 1.1))], EMPTY_M2 + 4, id="sunk into the floor"),
        pytest.param([(2, 1.5, 1, (1, 1, 1))], EMPTY_M2 + 6, id="in the air"),
        pytest.param([(0.5, 1.5, 0, (1, 1, 1))], EMPTY_M2 + 2, id="at a wall"),
        pytest.param([(0.55, 1.5, 0, (1, 1, 1))], EMPTY_M2 + 2, id="a narrow gap from a wall"),
        pytest.param([(0.65, 1.5, 0, (1, 1, 1))], EMPTY_M2 + 4, id="a wide gap from a wall"),
        pytest.param(2 * [(2, 1.5, 0, (1, 1, 1))], EMPTY_M2 + 9, id="the same box twice"),
        pytest.param([(8, 1.5, 0, (1, 1, 1))], EMPTY_M2, id="beside the room"),
        pytest.param([(2, 1.5, 2.8, (1, 1, 1))], EMPTY_M2, id="above the room"),
    ],
)
def test_what_borders_the_inside_of_a_room_counts(boxes, expected_m2):
    # The area is up to 140 m2: four standard deviations of a share of 100,000 points are 0.9 m2.
    assert counted_m2(room(*boxes)) == pytest.approx(expected_m2, abs=0.9)


def test_without_a_ceiling_there_is_no_room():
    scene = room(has_ceiling=False)
    assert counted_m2(scene) == 0.0
    scores = evaluate_whole(scene.mesh(), scene.mesh(), scene.sdf, NUM)
    assert isnan(scores.whole_completion_ratio)


def test_the_space_under_a_table_is_no_room():
    legs = [(x, y, 0, (0.1, 0.1, 0.5)) for x in (1, 2) for y in (1, 2)]
    sides = [(1.5, 0.9, 0, (1, 0.05, 0.5)), (1.5, 2.1, 0, (1, 0.05, 0.5))]
    scene = room(*legs, *sides, (1.5, 1.5, 0.5, (1.2, 1.3, 0.05)), has_ceiling=False)
    assert 0.0 < counted_m2(scene) < 10.0
    scores = evaluate_whole(scene.mesh(), scene.mesh(), scene.sdf, NUM)
    assert isnan(scores.whole_completion_ratio)


def below(mesh: Mesh, z_m: float) -> Mesh:
    """Mark what is not below a height as predicted."""
    return replace(mesh, is_predicted=mesh.vertices_m[:, 2] > z_m)


def test_the_whole_room_completes_itself():
    scene = room()
    scores = evaluate_whole(scene.mesh(), scene.mesh(), scene.sdf, NUM)
    assert scores.whole_completion_ratio == 1.0
    assert scores.whole_completion_ratio_predicted is None
    assert scores.predicted_accuracy_cm is None


def test_prediction_completes_what_was_not_seen():
    scene = room()
    mesh = below(scene.mesh(), 1.5)
    scores = evaluate_whole(mesh, scene.mesh(), scene.sdf, NUM)
    # floor, and walls up to the triangles' last row below 1.5 m and 5 cm on
    observed_m2 = 4 * 3 + 2 * (4 + 3) * 1.55
    assert scores.whole_completion_ratio == pytest.approx(observed_m2 / EMPTY_M2, abs=0.01)
    assert scores.whole_completion_ratio_predicted == 1.0
    assert scores.predicted_accuracy_cm == pytest.approx(0.0, abs=1e-4)


def test_a_prediction_that_is_off_has_its_error():
    """The ceiling is predicted 7 cm too low."""
    scene, seen = room(), room(has_ceiling=False).mesh()
    corners = np.array([[x, y, 2.43] for x in (0, 4) for y in (0, 3)], dtype=np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2]], dtype=np.int32) + len(seen.vertices_m)
    mesh = Mesh(
        np.concatenate([seen.vertices_m, corners]),
        np.concatenate([seen.colors, np.zeros((4, 3), np.uint8)]),
        np.concatenate([seen.triangles, triangles]),
        np.arange(len(seen.vertices_m) + 4) >= len(seen.vertices_m),
    )
    scores = evaluate_whole(mesh, scene.mesh(), scene.sdf, NUM)
    # in a rim of 7 cm the wall is nearer, on average by half
    rim = 1 - (4 - 0.14) * (3 - 0.14) / 12
    assert scores.predicted_accuracy_cm == pytest.approx(7.0 - 3.5 * rim, abs=0.03)
    assert scores.whole_completion_ratio_predicted == scores.whole_completion_ratio
    assert scores.whole_completion_ratio == pytest.approx(1 - 3.9 * 2.9 / EMPTY_M2, abs=0.01)


def test_a_prediction_of_nothing_has_no_error():
    scene = room()
    mesh = below(scene.mesh(), 9.0)
    scores = evaluate_whole(mesh, scene.mesh(), scene.sdf, NUM)
    assert scores.whole_completion_ratio == scores.whole_completion_ratio_predicted == 1.0
    assert isnan(scores.predicted_accuracy_cm)


def test_without_a_distance_field_all_of_the_truth_counts():
    scene = room()
    floor = replace(scene.mesh(), is_predicted=scene.mesh().vertices_m[:, 2] > 1e-3).observed()
    assert evaluate_whole(floor, scene.mesh(), None, NUM).whole_completion_ratio < 0.5
    assert evaluate_whole(floor, floor, None, NUM).whole_completion_ratio == 1.0
