"""Planes of meshes that are made of some."""

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.maps.base import Mesh
from slam.maps.neural.planes import planes_of

X, Y, Z = np.eye(3)


def mesh_of(vertices_m: np.ndarray, triangles: np.ndarray) -> Mesh:
    colors = np.zeros((len(vertices_m), 3), np.uint8)
    return Mesh(vertices_m.astype(np.float32), colors, triangles.astype(np.int32))


def sheets(*sides_m: tuple[np.ndarray, np.ndarray, np.ndarray], step_m: float = 0.05) -> Mesh:
    """Return rectangles, each by a corner and two sides; they face along the cross product."""
    vertices: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    for corner, a, b in sides_m:
        n, m = (int(np.ceil(np.linalg.norm(side) / step_m)) + 1 for side in (a, b))
        i, j = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, m), indexing="ij")
        first = np.arange(n * m).reshape(n, m) + sum(map(len, vertices))
        p, q, r, s = first[:-1, :-1], first[1:, :-1], first[1:, 1:], first[:-1, 1:]
        for corners in ((p, q, r), (p, r, s)):
            triangles.append(np.stack(corners, axis=-1).reshape(-1, 3))
        vertices.append(corner + i.reshape(-1, 1) * a + j.reshape(-1, 1) * b)
    return mesh_of(np.concatenate(vertices), np.concatenate(triangles))


@pytest.mark.parametrize("seed", range(4))
def test_planes_of_a_noisy_corner_are_found(seed: int):
    """A floor, a wall and a step of 0.3 m^2, which is too little; turned, with 3 mm of noise."""
    random = np.random.default_rng(seed)
    mesh = sheets((0 * X, 3 * X, 2 * Y), (0 * X, 1.5 * Z, 3 * X), (X + Y + 0.5 * Z, X, 0.3 * Y))
    T = se3_exp(random.normal(size=6))
    points = mesh.vertices_m @ T[:3, :3].T + T[:3, 3]
    points += random.normal(0.0, 0.003, points.shape)
    found = sorted(planes_of(mesh_of(points, mesh.triangles), seed), key=lambda p: -p.area_m2)
    assert len(found) == 2
    for plane, normal, area_m2 in zip(found, (Z, Y), (6.0, 4.5), strict=True):
        assert plane.normal @ T[:3, :3] @ normal > np.cos(np.deg2rad(0.2))
        assert plane.offset_m == pytest.approx(plane.normal @ T[:3, 3], abs=0.005)
        assert plane.area_m2 == pytest.approx(area_m2, rel=0.1)
        assert np.abs(plane.points @ plane.normal - plane.offset_m).max() < 0.02
        x, y = plane.axes()
        np.testing.assert_allclose(np.cross(x, y), plane.normal, atol=1e-9)


def test_the_two_faces_of_a_thin_plate_are_two_planes():
    mesh = sheets((0 * X, X, Y), (-0.01 * Z, Y, X))
    assert sorted(round(float(plane.normal[2])) for plane in planes_of(mesh)) == [-1, 1]


def test_nothing_has_no_planes():
    assert list(planes_of(sheets((0 * X, 0.1 * X, 0.1 * Y)))) == []
    assert list(planes_of(mesh_of(np.zeros((0, 3)), np.zeros((0, 3))))) == []
