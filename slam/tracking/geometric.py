"""The geometric residuals: the map's signed distance, its rendered surface, and another view's."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from kernels import align as align_ops
from kernels import depth as depth_ops
from kernels.align import NormalEquations
from slam.camera import Camera
from slam.geometry import Transform, inverse, transform_points
from slam.maps.base import Map, own_sigma_m, tracked_map
from slam.tracking.prepare import CLOUD_LEVEL, PointCloud, PreparedFrame


@runtime_checkable
class Geometry(Protocol):
    """A geometric residual of a point cloud at a pose.

    `sigma_m` is the standard deviation of the map's own error, to be counted beside the points'.
    """

    sigma_m: float

    def equations(
        self, cloud: PointCloud, T_world_camera: Transform, scale: float, max_distance_m: float
    ) -> NormalEquations:
        """Linearise at T_world_camera."""
        ...


class SdfGeometry:
    """Point-to-SDF: every point should lie where the map's signed distance is 0."""

    def __init__(self, map_: Map) -> None:
        self._map = tracked_map(map_)
        self.sigma_m = own_sigma_m(map_)

    def equations(
        self, cloud: PointCloud, T_world_camera: Transform, scale: float, max_distance_m: float
    ) -> NormalEquations:
        samples = self._map.query(transform_points(T_world_camera, cloud.points))
        return align_ops.align_sdf(
            cloud.points,
            cloud.sigma_m,
            samples.sdf_m,
            samples.gradient,
            samples.is_valid,
            np.ascontiguousarray(T_world_camera[:3, :3], dtype=np.float32),
            scale,
            max_distance_m,
        )


class ProjectiveGeometry:
    """Point-to-plane against the surface in an image taken from a known pose (KinectFusion).

    `points` are in the axes of that image's camera, (0, 0, 0) where there is none; so are
    `normals`, which point to free space.
    """

    def __init__(
        self,
        points: Float32[np.ndarray, "h w 3"],
        normals: Float32[np.ndarray, "h w 3"],
        camera: Camera,
        T_world_model: Transform,
        sigma_m: float,
    ) -> None:
        self.sigma_m = sigma_m
        self._points, self._normals = points, normals
        self._intrinsics = camera.intrinsics
        self._T_model_world = inverse(T_world_model)

    @classmethod
    def of_map(cls, map_: Map, camera: Camera, T_world_model: Transform) -> "ProjectiveGeometry":
        """Return that against what a map shows from a pose near the cloud's."""
        rendering = tracked_map(map_).render(camera, T_world_model)
        points = np.ascontiguousarray(camera.unproject_image(rendering.depth_m))
        normals = rendering.normals @ T_world_model[:3, :3].astype(np.float32)
        normals = np.ascontiguousarray(normals)
        return cls(points, normals, camera, T_world_model, own_sigma_m(map_))

    @classmethod
    def of_view(cls, view: PreparedFrame, T_world_view: Transform) -> "ProjectiveGeometry":
        """Return that against another frame."""
        level, noise = view.levels[CLOUD_LEVEL], view.frame.depth_noise.coefficients
        gradient = depth_ops.inverse_depth_gradient(level.depth_m, noise)
        has_slope = gradient[..., :1] < depth_ops.NO_GRADIENT / 2
        points = level.camera.unproject_image(level.depth_m) * has_slope
        points = np.ascontiguousarray(points.astype(np.float32))
        normals = depth_ops.normals(level.depth_m, gradient, level.camera.intrinsics)
        return cls(points, -normals, level.camera, T_world_view, 0.0)

    def equations(
        self, cloud: PointCloud, T_world_camera: Transform, scale: float, max_distance_m: float
    ) -> NormalEquations:
        return align_ops.align_projective(
            cloud.points,
            cloud.sigma_m,
            self._points,
            self._normals,
            self._intrinsics,
            (self._T_model_world @ T_world_camera).astype(np.float32),
            scale,
            max_distance_m,
        )
