"""What readers see: a network that is trained no more, within what was observed."""

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, UInt8

from slam.camera import Camera
from slam.config import ImplicitConfig
from slam.maps.base import UNSEEN_COLOR, Mesh, Rendering
from slam.maps.extraction import blocks_near, check_mesh_spacing, extract
from slam.maps.implicit.network import Network
from slam.maps.implicit.observed import SPACING_M, Observed
from slam.maps.implicit.outputs import Distances, density_distances, trained_distances
from slam.maps.implicit.rendering import camera_rays, trace

POINTS_AT_ONCE = 1 << 12  # that go through the network: what is between its layers fits into caches
MESH_SPACING_M = 0.025


class Sampled(NamedTuple):
    """What a network says of points: distance and gradient (0 unless asked for) where they are
    known, and colour; all is 0 where nothing was observed."""

    sdf_m: Float32[np.ndarray, "n"]
    gradient: Float32[np.ndarray, "n 3"]
    is_known: Bool[np.ndarray, "n"]
    color: UInt8[np.ndarray, "n 3"]


@dataclass(frozen=True)
class Published:
    """A network between two frames. What was observed goes on growing while it is read."""

    config: ImplicitConfig
    network: Network
    observed: Observed

    def sample(self, points: Float32[np.ndarray, "n 3"], slope: bool = True) -> Sampled:
        """Evaluate the network at world points, where something was observed."""
        share_threads()
        truncation_m = np.float32(self.config.truncation_m)
        n = len(points)
        sampled = Sampled(
            np.zeros(n, np.float32), np.zeros((n, 3), np.float32), self.observed.find(points) >= 0,
            np.zeros((n, 3), np.uint8),
        )  # fmt: skip
        seen = np.flatnonzero(sampled.is_known)
        for first in range(0, len(seen), POINTS_AT_ONCE):
            part = seen[first : first + POINTS_AT_ONCE]
            found = self.evaluate(points[part], slope)
            sampled.sdf_m[part] = truncation_m * found.distance.cpu().numpy()
            if found.gradient is not None:
                sampled.gradient[part] = truncation_m * found.gradient.cpu().numpy()
            sampled.is_known[part] = found.is_known.cpu().numpy()
            sampled.color[part] = (255.0 * found.logits.sigmoid()).round().cpu().numpy()
        return sampled

    def evaluate(self, points: Float32[np.ndarray, "n 3"], slope: bool) -> Distances:
        """Evaluate the network at world points, whether observed or not."""
        on_device = torch.from_numpy(np.ascontiguousarray(points))
        on_device = on_device.to(self.network.origin_m.device)
        if self.config.output == "density":
            level, truncation_m = float(self.network.level), self.config.truncation_m
            return density_distances(self.network, on_device, slope, truncation_m, level)
        return trained_distances(self.network, on_device, slope)

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Trace the camera's rays to the observed surface and decode its colour."""
        rays = camera_rays(camera, T_world_camera)

        def signed_distance_m(points):
            sampled = self.sample(points, slope=False)
            return np.where(sampled.is_known, sampled.sdf_m, np.float32(np.nan))

        depth_m = trace(rays, self.observed, signed_distance_m)
        hit = np.flatnonzero(depth_m)
        points = rays.at(hit, depth_m[hit])
        sampled = self.sample(points)
        normals = np.zeros((len(depth_m), 3), np.float32)
        length = np.linalg.norm(sampled.gradient, axis=1, keepdims=True)
        normals[hit] = sampled.gradient / np.maximum(length, 1e-9)
        color = np.zeros((len(depth_m), 3), np.uint8)
        color[hit] = self._known_colors(points, sampled)
        confidence = np.zeros(len(depth_m), np.float32)
        slots = self.observed.find(points)
        confidence[hit] = np.where(slots >= 0, self.observed.num_frames[slots], 0)
        size = camera.height, camera.width
        return Rendering(
            depth_m.reshape(size), normals.reshape(*size, 3), color.reshape(*size, 3),
            confidence.reshape(size),
        )  # fmt: skip

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Decode the colour at world points; grey where no frame had any."""
        return self._known_colors(points, self.sample(points, slope=False))

    def _known_colors(
        self, points: Float32[np.ndarray, "n 3"], sampled: Sampled
    ) -> UInt8[np.ndarray, "n 3"]:
        slots = self.observed.find(points)
        has_color = (slots >= 0) & self.observed.has_color[slots]
        return np.where(has_color[:, None], sampled.color, UNSEEN_COLOR)

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        """Extract the surface where it was observed; the default spacing is 2.5 cm."""
        spacing_m = MESH_SPACING_M if voxel_size_m is None else voxel_size_m
        check_mesh_spacing(spacing_m)

        def evaluate(points):
            sampled = self.sample(points, slope=False)
            return sampled.sdf_m, sampled.is_known

        coords = blocks_near(self.observed.index, SPACING_M, spacing_m, evaluate)
        mesh = extract(coords, spacing_m, self.config.truncation_m, evaluate)
        return Mesh(mesh.vertices_m, self.color(mesh.vertices_m), mesh.triangles)


def share_threads() -> None:
    """Let torch use as many threads as numba may in this one."""
    num_threads = numba.get_num_threads()
    if torch.get_num_threads() != num_threads:
        torch.set_num_threads(num_threads)
