"""Triangles of boxes, cylinders and spheres."""

import numpy as np
from jaxtyping import Float32, Float64, Int32

from kernels.scene import BOX, CYLINDER
from slam.maps.base import Mesh

Grid = Float64[np.ndarray, "rows columns 3"]


def tessellate(
    solids: Float32[np.ndarray, "n 17"],
    kinds: Int32[np.ndarray, "n"],
    max_edge_m: float,
    max_sag_m: float,
) -> Mesh:
    """Return one mesh of all solids; a vertex has the mean of its solid's two colours."""
    vertices, colors, triangles = [], [], []
    num_vertices = 0
    for solid, kind in zip(solids.astype(np.float64), kinds, strict=True):
        cosine, sine = solid[6:8]
        R_world_solid = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        for grid in _surface(int(kind), solid[3:6], max_edge_m, max_sag_m):
            points = grid.reshape(-1, 3) @ R_world_solid.T + solid[:3]
            vertices.append(points.astype(np.float32))
            mean = ((solid[8:11] + solid[11:14]) / 2).astype(np.uint8)
            colors.append(np.broadcast_to(mean, (len(points), 3)))
            triangles.append(_grid_triangles(*grid.shape[:2]) + num_vertices)
            num_vertices += len(points)
    return Mesh(
        np.concatenate(vertices), np.concatenate(colors), np.concatenate(triangles).astype(np.int32)
    )


def _surface(
    kind: int, half_m: Float64[np.ndarray, "3"], max_edge_m: float, max_sag_m: float
) -> list[Grid]:
    """Return grids of points; seen from outside, rows run rightwards times columns upwards."""
    if kind == BOX:
        return [_face(axis, sign, half_m, max_edge_m) for axis in range(3) for sign in (-1.0, 1.0)]
    radius_m, half_height_m = half_m[0], half_m[2]
    # the sag of a chord over an angle a is r (1 - cos(a / 2)); a half of it each way of a sphere
    num_turn = max(int(np.ceil(2 * np.pi / np.sqrt(4 * max_sag_m / radius_m))), 8)
    turn = np.linspace(0.0, 2 * np.pi, num_turn + 1)
    ring = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=1)
    up = np.array([0.0, 0.0, 1.0])
    if kind == CYLINDER:
        levels = np.linspace(
            -half_height_m, half_height_m, _num_cuts(2 * half_height_m, max_edge_m)
        )
        side = radius_m * ring[:, None] + levels[None, :, None] * up
        radii = np.linspace(0.0, radius_m, _num_cuts(radius_m, max_edge_m))
        disc = radii[None, :, None] * ring[:, None]
        return [side, disc[:, ::-1] + half_height_m * up, disc - half_height_m * up]
    tilt = np.linspace(-np.pi / 2, np.pi / 2, num_turn // 2 + 1)[None, :, None]
    return [radius_m * (np.cos(tilt) * ring[:, None] + np.sin(tilt) * up)]


def _face(axis: int, sign: float, half_m: Float64[np.ndarray, "3"], max_edge_m: float) -> Grid:
    a, b = (axis + 1) % 3, (axis + 2) % 3
    first = np.linspace(-half_m[a], half_m[a], _num_cuts(2 * half_m[a], max_edge_m)) * sign
    second = np.linspace(-half_m[b], half_m[b], _num_cuts(2 * half_m[b], max_edge_m))
    grid = np.empty((len(first), len(second), 3))
    grid[..., axis], grid[..., a], grid[..., b] = sign * half_m[axis], first[:, None], second
    return grid


def _num_cuts(length_m: float, max_edge_m: float) -> int:
    return int(np.ceil(length_m / max_edge_m)) + 1


def _grid_triangles(num_rows: int, num_columns: int) -> Int32[np.ndarray, "t 3"]:
    index = np.arange(num_rows * num_columns, dtype=np.int32).reshape(num_rows, num_columns)
    a, b = index[:-1, :-1].ravel(), index[1:, :-1].ravel()
    c, d = index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
