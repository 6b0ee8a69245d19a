"""A mesh and its predicted part."""

import numpy as np
import pytest

from slam.maps.base import Mesh


def fan(is_predicted) -> Mesh:
    """Six triangles round vertex 0, and a vertex that none uses."""
    vertices_m = np.arange(24, dtype=np.float32).reshape(8, 3)
    colors = np.arange(24, dtype=np.uint8).reshape(8, 3)
    triangles = np.array([[0, 1 + k, 1 + (k + 1) % 6] for k in range(6)], dtype=np.int32)
    return Mesh(vertices_m, colors, triangles, is_predicted)


def corners(mesh: Mesh) -> list:
    return mesh.vertices_m[mesh.triangles].tolist()


def marked(*indices: int) -> np.ndarray:
    return np.isin(np.arange(8), indices)


def test_a_mesh_without_marks_is_observed():
    mesh = fan(None)
    assert mesh.observed() is mesh
    assert len(mesh.predicted().triangles) == len(mesh.predicted().vertices_m) == 0


@pytest.mark.parametrize("indices", [(), (3,), (3, 4), (7,), (0,), range(8)])
def test_a_triangle_with_a_predicted_vertex_is_predicted(indices):
    mesh = fan(marked(*indices))
    expected = [any(corner in indices for corner in triangle) for triangle in mesh.triangles]
    observed, predicted = mesh.observed(), mesh.predicted()
    assert corners(predicted) == mesh.vertices_m[mesh.triangles[expected]].tolist()
    assert corners(observed) == mesh.vertices_m[mesh.triangles[np.invert(expected)]].tolist()
    assert observed.is_predicted is None
    for part in (observed, predicted):
        assert sorted({*part.triangles.ravel().tolist()}) == list(range(len(part.vertices_m)))
        np.testing.assert_array_equal(part.colors, part.vertices_m.astype(np.uint8))
        assert (part.vertices_m.dtype, part.triangles.dtype) == (np.float32, np.int32)


def test_joined_meshes_keep_what_is_predicted_apart():
    observed, guessed = fan(None), fan(marked(*range(8)))
    whole = observed.joined(guessed)
    assert corners(whole.observed()) == corners(observed)
    assert corners(whole.predicted()) == corners(guessed)
