"""A mesh to be measured: points on it, distances to it, depth images and occlusion by it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from slam.camera import Camera
from slam.errors import SlamError
from slam.maps.base import Mesh
from slam.meshio import import_open3d

_MAX_LAYERS = 16  # of surface seen from behind, before a ray is given up
_LAYER_M = 1e-3


@dataclass(frozen=True)
class Hits:
    """What each ray meets first: the ray's parameter there (infinite if nothing is), the triangle
    (-1), and the weights of its second and third corner.
    """

    t: Float32[np.ndarray, "n"]
    triangle: Int64[np.ndarray, "n"]
    weights: Float32[np.ndarray, "n 2"]


class Surface:
    """A mesh in open3d's ray casting scene (Embree), which sees triangles from both sides."""

    def __init__(self, mesh: Mesh) -> None:
        """Build the search structure; a mesh without any area is an error."""
        corners = mesh.vertices_m[mesh.triangles].astype(np.float64)  # (t, 3, 3)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        self._cumulative_m2 = np.cumsum(0.5 * np.linalg.norm(normals, axis=1))
        if not len(self._cumulative_m2) or self._cumulative_m2[-1] <= 0.0:
            raise SlamError(f"the mesh is empty: {len(mesh.triangles)} triangles without any area")
        self._mesh = mesh
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        normals /= np.maximum(lengths, np.finfo(np.float64).tiny)
        self._normals = normals.astype(np.float32)
        self._o3c = import_open3d().core
        self._scene = import_open3d().t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._o3c.Tensor(np.ascontiguousarray(mesh.vertices_m)),
            self._o3c.Tensor(np.ascontiguousarray(mesh.triangles.astype(np.uint32))),
        )

    def sample(self, num_points: int, seed: int) -> Float32[np.ndarray, "n 3"]:
        """Draw points uniformly by area; the same seed draws the same points."""
        return self.sample_with_normals(num_points, seed)[0]

    def sample_with_normals(
        self, num_points: int, seed: int
    ) -> tuple[Float32[np.ndarray, "n 3"], Float32[np.ndarray, "n 3"]]:
        """Draw the points of `sample` with their triangles' normals."""
        random = np.random.default_rng(seed)
        at_m2 = random.random(num_points) * self._cumulative_m2[-1]
        triangle = np.searchsorted(self._cumulative_m2, at_m2, side="right")
        triangle = np.minimum(triangle, len(self._normals) - 1)
        corners = self._mesh.vertices_m[self._mesh.triangles[triangle]].astype(np.float64)
        a, b = random.random((2, num_points, 1))
        a, b = np.where(a + b > 1.0, 1.0 - a, a), np.where(a + b > 1.0, 1.0 - b, b)
        points = corners[:, 0] * (1.0 - a - b) + corners[:, 1] * a + corners[:, 2] * b
        return points.astype(np.float32), self._normals[triangle]

    def distances_m(self, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n"]:
        """Return the exact distance of each point to the nearest triangle."""
        return self._scene.compute_distance(self._o3c.Tensor(np.ascontiguousarray(points))).numpy()

    def depth_m(
        self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]
    ) -> Float32[np.ndarray, "h w"]:
        """Render z-depth, 0 where a pixel's ray hits nothing."""
        hits = self.cast(camera_rays(camera, T_world_camera)).t.reshape(camera.height, camera.width)
        return np.where(np.isfinite(hits), hits, np.float32(0.0))

    def cast(self, rays: Float32[np.ndarray, "n 6"]) -> Hits:
        """Follow rays (origin, direction) to the surface, from either side."""
        found = self._scene.cast_rays(self._o3c.Tensor(rays))
        t = found["t_hit"].numpy()
        triangle = np.where(np.isfinite(t), found["primitive_ids"].numpy().astype(np.int64), -1)
        return Hits(t, triangle, found["primitive_uvs"].numpy())

    def cast_to_front(self, rays: Float32[np.ndarray, "n 6"], turned: bool = False) -> Hits:
        """Follow rays through what they meet from behind: from outside one looks into a room.

        `turned` takes the triangles to wind the other way.
        """
        hits = self.cast(rays)
        rest, start = np.arange(len(rays)), np.zeros(len(rays), dtype=np.float32)
        step = _LAYER_M / np.maximum(np.linalg.norm(rays[:, 3:], axis=1), 1e-9)
        for _ in range(_MAX_LAYERS):
            rest = rest[self.is_from_behind(rays[rest], hits.triangle[rest], turned)]
            if not len(rest):
                return hits
            start[rest] = hits.t[rest] + step[rest]
            onward = rays[rest].copy()
            onward[:, :3] += start[rest, None] * onward[:, 3:]
            found = self.cast(onward)
            hits.t[rest], hits.triangle[rest] = found.t + start[rest], found.triangle
            hits.weights[rest] = found.weights
        rest = rest[self.is_from_behind(rays[rest], hits.triangle[rest], turned)]
        hits.t[rest], hits.triangle[rest] = np.inf, -1
        return hits

    def is_from_behind(
        self,
        rays: Float32[np.ndarray, "n 6"],
        triangle: Int64[np.ndarray, "n"],
        turned: bool = False,
    ) -> Bool[np.ndarray, "n"]:
        """Tell which rays meet their triangle on its back."""
        cosine = np.einsum("ni,ni->n", self._normals[triangle], rays[:, 3:])
        return (triangle >= 0) & ((cosine < 0.0) if turned else (cosine > 0.0))

    def normals(self, triangle: Int64[np.ndarray, "n"]) -> Float32[np.ndarray, "n 3"]:
        """Return the unit normals of some triangles."""
        return self._normals[triangle]

    def mean_normal(
        self, direction: Float64[np.ndarray, "3"], min_cosine: float
    ) -> Float64[np.ndarray, "3"]:
        """Average the normals near a direction by area; the direction itself if there are none."""
        is_near = self._normals @ direction >= min_cosine
        areas_m2 = np.diff(self._cumulative_m2, prepend=0.0)[is_near]
        mean = areas_m2 @ self._normals[is_near].astype(np.float64)
        length = float(np.linalg.norm(mean))
        return mean / length if length > 0.0 else direction

    def is_blocking(
        self,
        points: Float32[np.ndarray, "n 3"],
        origin_m: Float64[np.ndarray, "3"],
        tolerance_m: float,
    ) -> Bool[np.ndarray, "n"]:
        """Tell which points the surface hides from the origin by more than the tolerance."""
        to_points = points.astype(np.float64) - origin_m
        distances_m = np.linalg.norm(to_points, axis=1, keepdims=True)
        ends = to_points * np.maximum(1.0 - tolerance_m / np.maximum(distances_m, 1e-9), 0.0)
        origins = np.broadcast_to(origin_m.astype(np.float32), points.shape)
        return self._is_hit(origins, ends.astype(np.float32))

    def is_between(
        self, starts: Float32[np.ndarray, "n 3"], ends: Float32[np.ndarray, "n 3"]
    ) -> Bool[np.ndarray, "n"]:
        """Tell which pairs of points have the surface between them."""
        return self._is_hit(starts, ends - starts)

    def _is_hit(
        self, starts: Float32[np.ndarray, "n 3"], ways: Float32[np.ndarray, "n 3"]
    ) -> Bool[np.ndarray, "n"]:
        rays = self._o3c.Tensor(np.concatenate([starts, ways], axis=1))
        return self._scene.test_occlusions(rays, tnear=0.0, tfar=1.0).numpy()


def camera_rays(
    camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]
) -> Float32[np.ndarray, "n 6"]:
    """Return the rays of all pixels, row by row. Directions keep z = 1 in the camera, so the ray
    parameter of a hit is its z-depth.
    """
    x, y = camera.slopes()
    right, down, forward = T_world_camera[:3, :3].T
    rays = np.empty((camera.height, camera.width, 6), dtype=np.float32)
    rays[..., :3] = T_world_camera[:3, 3]
    rays[..., 3:] = x[:, None] * right + (y[:, None] * down + forward)[:, None]
    return rays.reshape(-1, 6)
