"""Point clouds with normals and colours, of a mesh's surface.

Its vertices are taken rather than readings of keyframes: they are fused from all frames, about one
a voxel, each with a normal that points into free space, and they need no source. CloudCompare and
Open3D want the normals for meshing, and 3D Gaussian splatting starts from such a file.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from slam.maps.base import Mesh
from slam.meshio import ply_header, replaced_file

_POINT = np.dtype([("xyz", "<f4", 3), ("normal", "<f4", 3), ("rgb", "u1", 3)])


@dataclass(frozen=True)
class PointCloud:
    """Points of a surface in the world, with unit normals that point into free space."""

    points_m: Float32[np.ndarray, "n 3"]
    normals: Float32[np.ndarray, "n 3"]
    colors: UInt8[np.ndarray, "n 3"]

    def __len__(self) -> int:
        return len(self.points_m)

    def rotated(self, R: Float64[np.ndarray, "3 3"]) -> "PointCloud":
        """Return the points in other axes."""
        R = R.astype(np.float32)
        return PointCloud(self.points_m @ R.T, self.normals @ R.T, self.colors)

    def thinned(self, max_points: int) -> "PointCloud":
        """Return so many of the points at most, drawn evenly and always the same."""
        if len(self) <= max_points:
            return self
        kept = np.random.default_rng(0).choice(len(self), max_points, replace=False, shuffle=False)
        return PointCloud(self.points_m[kept], self.normals[kept], self.colors[kept])


def surface_points(mesh: Mesh) -> PointCloud:
    """Return the vertices of a mesh that have an area, with normals weighted by it."""
    a, b, c = (mesh.vertices_m[mesh.triangles[:, k]] for k in range(3))
    doubled_areas = np.cross(b - a, c - a)  # (t, 3), along the normals
    corners, count = mesh.triangles.ravel(), len(mesh.vertices_m)
    sums = [np.bincount(corners, np.repeat(doubled_areas[:, k], 3), count) for k in range(3)]
    normals = np.stack(sums, axis=1)
    lengths = np.linalg.norm(normals, axis=1)
    has_area = lengths > 0.0
    normals = (normals[has_area] / lengths[has_area, None]).astype(np.float32)
    return PointCloud(mesh.vertices_m[has_area], normals, mesh.colors[has_area])


def write_points(path: Path, cloud: PointCloud) -> None:
    """Write a point cloud as binary little-endian PLY."""
    points = np.empty(len(cloud), dtype=_POINT)
    points["xyz"], points["normal"], points["rgb"] = cloud.points_m, cloud.normals, cloud.colors
    with replaced_file(path) as file:
        file.write(ply_header(_POINT, len(cloud)))
        file.write(points.view(np.uint8).data)
