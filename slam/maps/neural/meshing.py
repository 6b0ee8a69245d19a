"""Surfaces of the neural map: the field is evaluated on voxel blocks, and those are meshed."""

import numpy as np
from jaxtyping import Bool
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from kernels import field as field_ops
from kernels.field import Field
from slam.maps.base import Mesh
from slam.maps.extraction import blocks_near, extract
from slam.maps.keyframes import Keyframes
from slam.maps.neural.prediction import continued
from slam.maps.neural.rendering import field_colors
from slam.maps.neural.visibility import is_visible, views_of

MIN_PIECE_M2 = 0.1  # of predicted surface
PREDICTED_COLOR = np.array([96, 160, 190], np.uint8)


def observed_mesh(field: Field, voxel_size_m: float) -> Mesh:
    """Mesh the field where it is observed."""

    def evaluate(points):
        sdf_m, _, is_valid = field_ops.query(field, points)
        return sdf_m, is_valid

    base = field.base
    coords = blocks_near(base.blocks, float(base.voxel_size_m), voxel_size_m, evaluate)
    mesh = extract(coords, voxel_size_m, float(field.truncation_m), evaluate)
    colors = field_colors(field, mesh.vertices_m)
    return Mesh(mesh.vertices_m, colors, mesh.triangles, np.zeros(len(colors), dtype=bool))


def predicted_mesh(field: Field, observed: Mesh, cell_m: float, keyframes: Keyframes) -> Mesh:
    """Return what the observed surface goes on as, as far as it would be seen from where the camera
    was.
    """
    vertices_m, triangles = continued(field, observed, views_of(field, keyframes.items), cell_m)
    colors = np.tile(PREDICTED_COLOR, (len(vertices_m), 1))
    whole = Mesh(vertices_m, colors, triangles, np.ones(len(vertices_m), dtype=bool))
    seen = whole.without(~is_visible(field, vertices_m, keyframes.centers_m()))
    return seen.without(_is_on_scrap(seen))


def _is_on_scrap(mesh: Mesh) -> Bool[np.ndarray, "n"]:
    """Tell the vertices of connected pieces that are smaller than MIN_PIECE_M2."""
    n = len(mesh.vertices_m)
    if n == 0:
        return np.zeros(0, dtype=bool)
    a, b, c = mesh.triangles.T
    edges = sparse.coo_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, c])), shape=(n, n))
    _, piece = connected_components(edges, directed=False)
    corners = mesh.vertices_m[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas_m2 = 0.5 * np.linalg.norm(normals, axis=1)
    pieces_m2 = np.bincount(piece[a], weights=areas_m2, minlength=n)
    return pieces_m2[piece] < MIN_PIECE_M2
