"""The two geometric residuals: the map's signed distance, and its rendered surface."""

from typing import Protocol, runtime_checkable

import numpy as np

from kernels import align as align_ops
from kernels.align import NormalEquations
from slam.camera import Camera
from slam.geometry import Transform, inverse, transform_points
from slam.maps.base import Map, own_sigma_m, tracked_map
from slam.tracking.prepare import PointCloud


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
    """Point-to-plane against the surface that the map renders from a nearby pose (KinectFusion)."""

    def __init__(self, map_: Map, camera: Camera, T_world_model: Transform) -> None:
        self.sigma_m = own_sigma_m(map_)
        rendering = tracked_map(map_).render(camera, T_world_model)
        self._points = np.ascontiguousarray(camera.unproject_image(rendering.depth_m))
        R_world_model = T_world_model[:3, :3].astype(np.float32)
        self._normals = np.ascontiguousarray(rendering.normals @ R_world_model)
        self._camera = camera
        self._T_model_world = inverse(T_world_model)

    def equations(
        self, cloud: PointCloud, T_world_camera: Transform, scale: float, max_distance_m: float
    ) -> NormalEquations:
        return align_ops.align_projective(
            cloud.points,
            cloud.sigma_m,
            self._points,
            self._normals,
            self._camera.intrinsics,
            (self._T_model_world @ T_world_camera).astype(np.float32),
            scale,
            max_distance_m,
        )
