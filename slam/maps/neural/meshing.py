"""Surfaces of the neural map: the field is evaluated on voxel blocks, and those are meshed."""

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels.field import Field, Level
from slam.maps.base import Mesh
from slam.maps.extraction import blocks_near, extract
from slam.maps.neural.prediction import continued
from slam.maps.neural.rendering import field_colors
from slam.maps.neural.visibility import is_visible

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


def predicted_mesh(
    field: Field, voxel_size_m: float, centers_m: Float64[np.ndarray, "k 3"]
) -> Mesh:
    """Mesh the continued coarse level where nothing is observed, as far as it would be seen from
    the centres.
    """
    if int(field.coarse.blocks.num_blocks[0]) == 0:
        return Mesh(
            np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), np.zeros((0, 3), np.int32),
            np.zeros(0, dtype=bool),
        )  # fmt: skip
    level, known = continued(field.coarse)
    guess = field._replace(coarse=level)

    def evaluate(points):
        sdf_m, exists = field_ops.predict(guess, points)
        _, _, is_observed = field_ops.query(field, points)
        return sdf_m, exists & ~is_observed & _is_known(level, known, points)

    coords = blocks_near(level.blocks, float(level.spacing_m), voxel_size_m, evaluate)
    mesh = extract(coords, voxel_size_m, float(field.coarse_truncation_m), evaluate)
    colors = np.tile(PREDICTED_COLOR, (len(mesh.vertices_m), 1))
    whole = Mesh(*mesh._replace(colors=colors), np.ones(len(colors), dtype=bool))
    seen = whole.without(~is_visible(field, mesh.vertices_m, centers_m))
    return seen.without(_is_on_scrap(seen))


def _is_on_scrap(mesh: Mesh) -> Bool[np.ndarray, "n"]:
    """Tell the vertices of connected pieces that are smaller than MIN_PIECE_M2."""
    n = len(mesh.vertices_m)
    a, b, c = mesh.triangles.T
    edges = sparse.coo_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, c])), shape=(n, n))
    _, piece = connected_components(edges, directed=False)
    corners = mesh.vertices_m[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas_m2 = 0.5 * np.linalg.norm(normals, axis=1)
    pieces_m2 = np.bincount(piece[a], weights=areas_m2, minlength=n)
    return pieces_m2[piece] < MIN_PIECE_M2


def _is_known(
    level: Level, known: Bool[np.ndarray, "b 512"], points: Float32[np.ndarray, "n 3"]
) -> Bool[np.ndarray, "n"]:
    """Tell whether the nearest vertex of a level is known."""
    vertices = np.round(points / level.spacing_m).astype(np.int32)
    slots = block_ops.find_blocks(level.blocks, np.ascontiguousarray(vertices >> 3))
    x, y, z = (vertices & 7).T
    return (slots >= 0) & known[slots, x * 64 + y * 8 + z]
