"""The truth mesh lies on the truth SDF and winds outwards."""

import numpy as np
import pytest

from slam.scenes import thin
from slam.scenes.furniture import BLUE
from slam.scenes.scene import Builder, Scene


def one_solid(kind: str) -> Scene:
    builder = Builder().at(0.4, -0.2, 30.0)
    if kind == "box":
        builder.box(0.1, 0.2, 0.3, (0.5, 0.7, 0.9), BLUE)
    elif kind == "cylinder":
        builder.cylinder(0.1, 0.2, 0.3, 0.25, 0.8, BLUE)
    else:
        builder.sphere(0.1, 0.2, 0.3, 0.4, BLUE)
    return builder.build(kind)


VOLUMES_M3 = {
    "box": 0.5 * 0.7 * 0.9,
    "cylinder": np.pi * 0.25**2 * 0.8,
    "sphere": 4 / 3 * np.pi * 0.4**3,
}


@pytest.mark.parametrize("kind", list(VOLUMES_M3))
def test_mesh_is_the_surface(kind: str) -> None:
    scene = one_solid(kind)
    mesh = scene.mesh()
    assert np.abs(scene.sdf(mesh.vertices_m)).max() < 1e-6
    a, b, c = mesh.vertices_m[mesh.triangles].astype(np.float64).transpose(1, 0, 2)
    centres = ((a + b + c) / 3).astype(np.float32)
    assert np.abs(scene.sdf(centres)).max() < 0.001
    # the divergence theorem: positive only if triangles wind outwards
    volume_m3 = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume_m3 == pytest.approx(VOLUMES_M3[kind], rel=0.005)


def test_edges_are_short_enough() -> None:
    mesh = thin.scene().mesh(max_edge_m=0.2)
    corners = mesh.vertices_m[mesh.triangles]
    edges_m = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    assert edges_m.max() <= 0.2 * np.sqrt(2) + 1e-5


def test_thin_things_have_their_thickness() -> None:
    """Half a plate's thickness is its depth inside."""
    scene = thin.scene()
    middles = np.array([[-0.12, 0.35, 0.9], [0.12, 0.35, 0.9]], dtype=np.float32)
    np.testing.assert_allclose(scene.sdf(middles), [-0.005, -0.01], atol=1e-6)
