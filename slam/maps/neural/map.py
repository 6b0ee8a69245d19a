"""The neural map: a hierarchical grid of learned features, trained on the fly by local updates."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from threading import Lock

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from kernels import field as field_ops
from kernels import movers
from kernels import rays as ray_ops
from kernels.field_render import render
from kernels.threads import take_free_threads
from slam.camera import Camera, DepthNoise
from slam.config import NeuralConfig
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.maps.base import Rendering, SdfSamples, View
from slam.maps.keyframes import Keyframe
from slam.maps.neural.adjustment import adjust, distance_equations
from slam.maps.neural.base import KeyframedMap
from slam.maps.neural.fusion import fuse
from slam.maps.neural.grid import Grid, new_decoders
from slam.maps.neural.neural_file import NeuralContent
from slam.maps.neural.rendering import FAR_M, NEAR_M, field_colors
from slam.maps.neural.training import Trainer
from slam.maps.readings import SurfaceReadings, surface_readings
from slam.maps.tsdf.map import TsdfCorrection, TsdfMap


class NeuralMap(KeyframedMap):
    """Learned features on sparse grids, without a scene bound (after NICE-SLAM, Zhu et al. 2022).

    Every frame is fused into the base, a TSDF map; every few frames one becomes a keyframe. Between
    two keyframes the field is trained on the rays of the newest and of those that overlap with it,
    a few steps a frame within a time budget. One thread may integrate while others query and
    render: features are read as they are, and growth hands over a new field at once.
    """

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise) -> None:
        super().__init__(config, depth_noise)
        self.num_refused = 0  # frames whose new blocks did not all fit into the budget
        self._grid = Grid(config, depth_noise, new_decoders())
        self._trainer = Trainer(config, depth_noise)
        self._free_space = movers.new_free_space()
        self._lock = Lock()

    @property
    def base(self) -> TsdfMap:
        """The TSDF that the features refine."""
        return self._grid.base

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a posed frame, make it a keyframe if one is due, and train."""
        start_s = time.perf_counter()
        with self._lock:
            is_keyframe = self._is_keyframe_due
            frame = self.base.exposures.evened(frame, T_world_camera, self.base.color)
            take_free_threads()  # by now the tracker has begun with the next frame
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
        view = (
            frame.depth_m,
            frame.camera.intrinsics,
            np.ascontiguousarray(T_world_camera, np.float32),
        )
        depth_m = movers.without_movers(self._free_space, self._grid.field.base, *view)
        if is_keyframe:
            T_camera_world = inverse(T_world_camera).astype(np.float32)
            movers.remember(self._free_space, *view, T_camera_world, self.num_integrated)
        return replace(frame, depth_m=depth_m)

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
            frame.color_mask,
        )
        last = self._keyframes.redundant()
        if last is not None:  # so memory grows with what is seen and not with time
            self._keyframes.drop_rays(last)
        self._choose_window(
            Keyframe(frame.index, camera, T_world_camera, rays, has_color, T_world_camera)
        )
        if self.config.adjust_poses and len(self._window) > 1:
            query = partial(field_ops.query, self._grid.field)
            adjust(self._window, distance_equations(query, self.depth_noise))

    def _train(self, start_s: float) -> None:
        num_steps, budget_ms = self._effort_now()
        deadline_s = start_s + budget_ms / 1e3
        self._trainer.run(self._grid.field, self._window, num_steps, deadline_s, self.config.field)

    def _step_on(self, window: list[Keyframe]) -> None:
        with self._lock:
            self._trainer.run(self._grid.field, window, 1, np.inf, self.config.field)

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        return SdfSamples(*field_ops.query(self._grid.field, points))

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Trace the camera's rays to the observed surface and decode its colour."""
        size, T = (camera.height, camera.width), np.ascontiguousarray(T_world_camera, np.float32)
        return Rendering(*render(self._grid.field, size, camera.intrinsics, T, (NEAR_M, FAR_M)))

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Decode the colour at world points."""
        return field_colors(self._grid.field, points)

    def correct(
        self, frame_indices: Int64[np.ndarray, "k"], Ts_new_old: Float64[np.ndarray, "k 4 4"]
    ) -> "NeuralCorrection | None":
        """Begin to move base and keyframes. What the features add to a moved base is learned anew
        from the keyframes, in their windows and when the map is polished.
        """
        base = self._grid.base.correct(frame_indices, Ts_new_old)
        return None if base is None else NeuralCorrection(self, base)

    def mend(
        self, views: Iterable[View], is_over: Callable[[], bool]
    ) -> Float32[np.ndarray, "n 3"]:
        """Mend the base; features begin anew there, as where a correction has moved it."""
        changed = self._grid.base.mend(views, is_over)
        if len(changed):
            with self._lock:
                self._grid.follow(changed)
        return changed

    def forget_frames(self) -> None:
        """Let the base hang on no frame: corrections leave it where it is."""
        self._grid.base.forget_frames()

    def _content(self) -> NeuralContent:
        return NeuralContent(
            self.config, self.depth_noise, self.num_integrated, self._grid, self._keyframes
        )

    def _take(self, content: NeuralContent) -> None:
        self._grid, self._keyframes = content.grid, content.keyframes

    @property
    def nbytes(self) -> int:
        """Bytes of blocks in use and of keyframes."""
        return self._grid.nbytes + self._keyframes.nbytes


class NeuralCorrection:
    """A `slam.maps.base.Correction` of a neural map."""

    def __init__(self, map_: NeuralMap, base: TsdfCorrection) -> None:
        self._map = map_
        self._base = base

    def advance(self) -> bool:
        """Make some more of the moved base."""
        return self._base.advance()

    def swap(self) -> Float32[np.ndarray, "n 3"]:
        """Take the moved base into use, with the keyframes at their new poses."""
        map_ = self._map
        with map_._lock:
            changed = self._base.swap()
            if len(changed):
                map_._keyframes.move(self._base.motion.at)
                map_._grid.follow(changed)
                map_._free_space = movers.new_free_space()
        return changed
