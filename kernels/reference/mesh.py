"""Marching cubes with a dictionary of vertices: the definition."""

import numpy as np

from kernels.blocks import BlockIndex
from kernels.marching_cubes import EDGE_AXIS, EDGE_CORNER, TRIANGLE_TABLE
from kernels.mesh import MeshArrays
from kernels.reference.query import CORNERS, Voxels, read_voxels
from kernels.reference.tsdf import VOXELS_OF_BLOCK
from kernels.tsdf import TsdfBlocks

NO_COLOR = 128.0
AXES = np.eye(3, dtype=np.int64)


def extract_mesh(
    index: BlockIndex,
    blocks: TsdfBlocks,
    slots: np.ndarray,
    voxel_size_m: float,
    min_weight: int,
) -> MeshArrays:
    """See `kernels.mesh.extract_mesh`.

    Unknown voxels never count; the order of the vertices is not defined.
    """
    cells = (index.coords[slots].astype(np.int64)[:, None] * 8 + VOXELS_OF_BLOCK).reshape(-1, 3)
    corners = [read_voxels(index, blocks, cells + corner) for corner in CORNERS]
    is_known = np.all([corner.weight >= max(min_weight, 1) for corner in corners], axis=0)
    cases = sum((corners[c].sdf < 0).astype(np.int64) << c for c in range(8)) * is_known

    numbers: dict[tuple[int, int, int, int], int] = {}  # (lower voxel, axis) of an edge: its vertex
    triangles = []
    for cell, case in zip(cells.tolist(), np.asarray(cases).tolist(), strict=True):
        edges = TRIANGLE_TABLE[case]
        edges = edges[edges >= 0].tolist()
        for first in range(0, len(edges), 3):
            triangle = [_edge_key(cell, edge) for edge in edges[first : first + 3]]
            triangles.append([numbers.setdefault(key, len(numbers)) for key in triangle])

    keys = np.array(list(numbers), dtype=np.int64).reshape(-1, 4)
    lower, axis = keys[:, :3], AXES[keys[:, 3]]
    a = read_voxels(index, blocks, lower)
    b = read_voxels(index, blocks, lower + axis)
    t = a.sdf / np.where(a.sdf == b.sdf, 1.0, a.sdf - b.sdf)
    vertices_m = (lower + t[:, None] * axis) * voxel_size_m
    return MeshArrays(
        vertices_m.astype(np.float32),
        _mix_colors(a, b, t),
        np.array(triangles, dtype=np.int32).reshape(-1, 3),
    )


def _edge_key(cell: list[int], edge: int) -> tuple[int, int, int, int]:
    """Return the voxel at the lower end of a cell's edge, and the edge's axis."""
    x, y, z = (np.array(cell) + CORNERS[EDGE_CORNER[edge]]).tolist()
    return x, y, z, int(EDGE_AXIS[edge])


def _mix_colors(a: Voxels, b: Voxels, t: np.ndarray) -> np.ndarray:
    """Interpolate the colours of the edges' ends; an end without colour has no say."""
    share_a = np.where(a.color[:, 3] > 0, 1.0 - t, 0.0)
    share_b = np.where(b.color[:, 3] > 0, t, 0.0)
    total = share_a + share_b
    mixed = share_a[:, None] * a.color[:, :3] + share_b[:, None] * b.color[:, :3]
    mean = mixed / np.where(total > 0, total, 1.0)[:, None]
    return np.where(total[:, None] > 0, np.floor(mean + 0.5), NO_COLOR).astype(np.uint8)
