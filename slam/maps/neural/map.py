"""The neural map: a hierarchical grid of learned features, trained on the fly by local updates."""

import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from kernels import field as field_ops
from kernels import rays as ray_ops
from slam.camera import Camera, DepthNoise
from slam.config import NeuralConfig, check_neural
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Mesh, Rendering, SdfSamples
from slam.maps.neural.adjustment import adjust
from slam.maps.neural.fusion import fuse
from slam.maps.neural.grid import Grid, new_decoders
from slam.maps.neural.keyframes import Keyframe, Keyframes
from slam.maps.neural.meshing import joined, observed_mesh, predicted_mesh
from slam.maps.neural.movers import FreeSpace
from slam.maps.neural.neural_file import NeuralContent, read_neural, write_neural
from slam.maps.neural.rendering import field_colors, render_field
from slam.maps.neural.training import Trainer
from slam.maps.readings import SurfaceReadings, surface_readings


class NeuralMap:
    """Learned features on sparse grids, without a scene bound (after NICE-SLAM, Zhu et al. 2022).

    Every frame is fused into the mean distance at the fine vertices; every few frames one becomes a
    keyframe. Between two keyframes the field is trained on the rays of the newest and of those that
    overlap with it, a few steps a frame within a time budget. One thread may integrate while others
    query and render: features are read as they are, and growth hands over a new field at once.
    """

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise) -> None:
        check_neural(config)
        self.config = config
        self.depth_noise = depth_noise
        self.num_integrated = 0
        self.num_refused = 0  # frames whose new blocks did not all fit into the budget
        self._grid = Grid(config, new_decoders())
        self._trainer = Trainer(config, depth_noise)
        self._free_space = FreeSpace()
        self._keyframes = Keyframes()
        self._window: list[Keyframe] = []
        self._effort = 1.0
        self._lock = threading.Lock()

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a posed frame, make it a keyframe if one is due, and train."""
        start_s = time.perf_counter()
        with self._lock:
            is_keyframe = self.num_integrated % self.config.keyframe_every == 0
            frame = self._without_movers(frame, T_world_camera, is_keyframe)
            readings = surface_readings(frame)
            fits = fuse(
                self._grid, frame, readings, T_world_camera, self.num_integrated, is_keyframe
            )
            self.num_refused += not fits
            if is_keyframe:
                self._add_keyframe(frame, readings, T_world_camera)
            self._train(start_s)
            self.num_integrated += 1

    def _without_movers(self, frame: Frame, T_world_camera: Transform, is_keyframe: bool) -> Frame:
        """Leave out the readings that lie in free space."""
        if not self.config.reject_movers:
            return frame
        is_mover = self._free_space.contradicted(frame, T_world_camera, self.query)
        if is_keyframe:
            self._free_space.remember(frame, T_world_camera)
        return replace(frame, depth_m=np.where(is_mover, np.float32(0), frame.depth_m))

    def _add_keyframe(
        self, frame: Frame, readings: SurfaceReadings, T_world_camera: Transform
    ) -> None:
        """Keep some of a frame's rays, and choose the keyframes to train on with it."""
        camera, has_color = frame.camera, frame.color is not None
        color = np.empty((0, 0, 3), np.uint8) if frame.color is None else frame.color
        rays = ray_ops.pick_rays(
            *readings,
            color,
            (camera.height, camera.width),
            camera.intrinsics,
            frame.depth_noise.coefficients,
            self.config.ray_cell,
            frame.index,
        )
        self._keyframes.add(
            Keyframe(frame.index, camera, T_world_camera, rays, has_color, T_world_camera)
        )
        self._window = self._keyframes.window(self.config.window)
        if self.config.adjust_poses and len(self._window) > 1:
            adjust(self._grid.field, self.depth_noise, self._window)

    def _train(self, start_s: float) -> None:
        config = self.config
        is_first = self.num_integrated == 0
        num_steps = config.first_steps if is_first else config.steps
        is_limited = config.budget_ms > 0 and not is_first
        budget_s = self._effort * config.budget_ms / 1e3 if is_limited else np.inf
        self._trainer.run(
            self._grid.field, self._window, num_steps, start_s + budget_s, config.field
        )

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        return SdfSamples(*field_ops.query(self._grid.field, points))

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Trace the camera's rays to the observed surface and decode its colour."""
        return render_field(self._grid.field, camera, T_world_camera)

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Decode the colour at world points."""
        return field_colors(self._grid.field, points)

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        """Extract the surface, observed and predicted.

        The default is half the fine spacing for what is observed and half the middle one for what
        is predicted.
        """
        field = self._grid.field
        observed = observed_mesh(field, voxel_size_m or self.config.fine_spacing_m / 2)
        predicted = predicted_mesh(
            field, voxel_size_m or self.config.middle_spacing_m / 2, self._keyframes.centers_m()
        )
        return joined(observed, predicted)

    def set_effort(self, share: float) -> None:
        """Train for this share of the time budget only; there is no less of an unlimited one."""
        self._effort = share

    def refined_poses(self) -> Mapping[int, Transform]:
        """Return T_world_camera of the keyframes that this object integrated, by frame index."""
        return {k.frame_index: k.T_world_camera for k in self._keyframes.items if k.is_own}

    def save(self, path: Path) -> None:
        """Write the map; see `slam.maps.neural.neural_file` for the format."""
        content = NeuralContent(
            self.config, self.depth_noise, self.num_integrated, self._grid, self._keyframes
        )
        write_neural(path, content)

    @staticmethod
    def load(path: Path) -> "NeuralMap":
        """Read a map that `save` wrote."""
        content = read_neural(path)
        map_ = NeuralMap(content.config, content.depth_noise)
        map_.num_integrated = content.num_integrated
        map_._grid, map_._keyframes = content.grid, content.keyframes
        return map_

    @property
    def num_keyframes(self) -> int:
        """Keyframes kept."""
        return len(self._keyframes.items)

    @property
    def nbytes(self) -> int:
        """Bytes of blocks in use and of keyframes."""
        return self._grid.nbytes + self._keyframes.nbytes
