"""The neural map on a GPU."""

from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from kernels import field as field_ops
from kernels import rays as ray_ops
from kernels.cuda.arrays import to_device, to_host
from kernels.field_render import render
from kernels.movers import new_free_space
from slam.camera import Camera, DepthNoise
from slam.config import NeuralConfig
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import UNSEEN_COLOR, Rendering, SdfSamples
from slam.maps.keyframes import Keyframe, Keyframes
from slam.maps.neural.adjustment import adjust
from slam.maps.neural.base import KeyframedMap
from slam.maps.neural.cuda.adjustment import pool_equations
from slam.maps.neural.cuda.fusion import FrameFusion
from slam.maps.neural.cuda.grid import DeviceGrid
from slam.maps.neural.cuda.pace import Pace
from slam.maps.neural.cuda.pool import RayPool
from slam.maps.neural.cuda.training import DeviceTrainer
from slam.maps.neural.grid import new_decoders
from slam.maps.neural.neural_file import NeuralContent
from slam.maps.neural.rendering import FAR_M, NEAR_M
from slam.maps.tsdf.cuda.map import CudaTsdfMap


class CudaNeuralMap(KeyframedMap):
    """`slam.maps.neural.map.NeuralMap` with everything large on the GPU: the same method, files and
    promises.

    `integrate` enqueues a frame's work whole and waits for its end. Only keyframes read something
    back before: how many rays they have, some of those, and what refines poses. Memory for the
    whole budget is taken at once.
    """

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise) -> None:
        super().__init__(config, depth_noise)
        self._grid = DeviceGrid(config, depth_noise, new_decoders())
        self._pool = RayPool()
        self._trainer = DeviceTrainer(self._grid.field, self._pool, config, depth_noise)
        self._pace = Pace()
        self._free_space = to_device(new_free_space()) if config.reject_movers else None
        self._fusions: list[FrameFusion] = []  # for frames with colour and those that lost it
        self._lock = Lock()

    @property
    def base(self) -> CudaTsdfMap:
        """The TSDF that the features refine."""
        return self._grid.base

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a posed frame, make it a keyframe if one is due, and train."""
        with self._lock:
            is_keyframe = self._is_keyframe_due
            self._pace.mark()
            fusion = self._fusion_of(frame)
            fusion.run(frame, T_world_camera, self.num_integrated, is_keyframe)
            if is_keyframe:
                self._add_keyframe(frame, fusion, T_world_camera)
            self._pace.mark()
            num_steps = self._pace.planned(*self._effort_now())
            self._trainer.run(num_steps)
            self._pace.mark()
            self._grid.wait()
            self._pace.finish(num_steps)
            self.num_integrated += 1

    def _fusion_of(self, frame: Frame) -> FrameFusion:
        """Return what fuses frames like this."""
        for fusion in self._fusions:
            if fusion.frame.is_like(frame):
                return fusion
        self._fusions.append(FrameFusion(self._grid, self._free_space, frame))
        return self._fusions[-1]

    def _add_keyframe(self, frame: Frame, fusion: FrameFusion, T_world_camera: Transform) -> None:
        """Keep some of a frame's rays, and choose the keyframes to train on with it."""
        assert fusion.readings is not None
        rays = ray_ops.pick_rays(
            *fusion.readings,
            fusion.frame.color,
            fusion.frame.image_size,
            fusion.frame.intrinsics,
            fusion.frame.noise,
            self.config.ray_cell,
            frame.index,
            fusion.frame.color_mask if fusion.frame.has_mask else None,
        )
        last: Any = self._keyframes.redundant()
        if last is not None:
            self._pool.release(last)
            self._keyframes.drop_rays(last)
        keyframe = Keyframe(
            frame.index, frame.camera, T_world_camera, rays, fusion.frame.has_color, T_world_camera
        )
        self._choose_window(self._pool.keep(keyframe))
        window: Any = self._window
        if self.config.adjust_poses and len(window) > 1:
            equations_of = pool_equations(
                self._grid.field, self._pool.rays, self.depth_noise, window
            )
            adjust(window, equations_of)
        self._trainer.watch(window)

    def _step_on(self, window: list[Keyframe]) -> None:
        with self._lock:
            pooled: Any = window
            self._trainer.watch(pooled)
            self._trainer.run(1)
            self._grid.wait()

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        return SdfSamples(*to_host(field_ops.query(self._grid.field, to_device(points))))

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Trace the camera's rays to the observed surface and decode its colour."""
        K, T = to_device((camera.intrinsics, np.ascontiguousarray(T_world_camera, np.float32)))
        size = camera.height, camera.width
        return Rendering(*to_host(render(self._grid.field, size, K, T, (NEAR_M, FAR_M))))

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Decode the colour at world points."""
        rgb, is_known = to_host(field_ops.color(self._grid.field, to_device(points)))
        return np.where(is_known[:, None], rgb, UNSEEN_COLOR)

    def _content(self) -> NeuralContent:
        keyframes = Keyframes()
        items: Any = list(self._keyframes.items)
        for keyframe in self._pool.downloaded(items):
            keyframes.add(keyframe)
        return NeuralContent(
            self.config, self.depth_noise, self.num_integrated,
            self._grid.downloaded(self.num_integrated), keyframes,
        )  # fmt: skip

    def _take(self, content: NeuralContent) -> None:
        self._grid.upload(content.grid)
        for keyframe in content.keyframes.items:
            keyframe.rays = to_device(keyframe.rays)
            self._keyframes.add(self._pool.keep(keyframe))

    @property
    def num_refused(self) -> int:
        """Frames whose new blocks did not all fit into the budget."""
        return self._grid.frames_refused

    @property
    def nbytes(self) -> int:
        """Bytes of blocks in use and of keyframes."""
        return self._grid.nbytes + self._keyframes.nbytes
