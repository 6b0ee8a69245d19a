"""Mapping on a GPU: the field is optimised on the rays of a window of keyframes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels import field_update
from kernels import rays as ray_ops
from kernels.cuda.arrays import to_device
from kernels.cuda.graph import Graph
from kernels.cuda.inputs import Inputs
from kernels.cuda.rays import RayWindow, sample_window
from slam.camera import DepthNoise
from slam.config import NeuralConfig
from slam.maps.neural.cuda.pool import PooledKeyframe, RayPool
from slam.maps.neural.training import NEAR_M, Recipe, ray_bounds


class DeviceTrainer:
    """Runs steps of the field's training: the same launches each time, replayed.

    The window is a table on the device, from which the launches read what they sample; a step ends
    with new seeds there.
    """

    def __init__(
        self, field: Any, pool: RayPool, config: NeuralConfig, depth_noise: DepthNoise
    ) -> None:
        self._field, self._pool, self._config = field, pool, config
        moments: Any = to_device(field_update.new_moments())
        self._recipe = Recipe(config, depth_noise, moments)
        self._batch: Any = to_device(ray_ops.new_batch(config.rays))
        k = config.window
        self._table = Inputs(
            seed=np.zeros(k, np.int64),
            num_keyframes=np.zeros(1, np.int64),
            first_ray=np.zeros(k, np.int32),
            num_rays=np.zeros(k, np.int32),
            image_width=np.ones(k, np.int32),
            has_color=np.zeros(k, np.int32),
            intrinsics=np.ones((k, 4), np.float32),
            T_world_camera=np.zeros((k, 4, 4), np.float32),
            bounds=np.zeros(k + 1, np.int32),
        )
        arrays = (self._table[name] for name in RayWindow._fields[:-2])
        self._window = RayWindow._make([*arrays, config.truncation_m, NEAR_M])
        self._num_keyframes = 0
        self._num_draws = 0
        self._rays: Any = None  # what the graph samples
        self._graph = Graph()

    def watch(self, window: Sequence[PooledKeyframe]) -> None:
        """Train on these keyframes, at the poses that they have now, from the next step on."""
        window = [keyframe for keyframe in window if keyframe.num_rays]
        k, most, num_rays = len(window), self._config.window, self._config.rays
        self._num_keyframes = k
        if not k:
            return

        def padded(values: list[Any], padding: Any) -> list[Any]:
            return values + [padding] * (most - k)

        newest = window[0]  # rows beyond the window are never sampled
        self._table.write(
            seed=self._num_draws + 1 + np.arange(most),
            num_keyframes=k,
            first_ray=padded([keyframe.first_ray for keyframe in window], 0),
            num_rays=padded([keyframe.num_rays for keyframe in window], 0),
            image_width=padded([keyframe.camera.width for keyframe in window], 1),
            has_color=padded([keyframe.has_color for keyframe in window], 0),
            intrinsics=padded([k.camera.intrinsics for k in window], newest.camera.intrinsics),
            T_world_camera=padded([k.T_world_camera for k in window], newest.T_world_camera),
            bounds=padded(ray_bounds(num_rays, k), num_rays),
        )
        if self._rays is not self._pool.rays:  # it has grown
            self._rays, self._graph = self._pool.rays, Graph()

    def run(self, num_steps: int) -> None:
        """Run so many steps; returns before the device has."""
        for _ in range(num_steps if self._num_keyframes else 0):
            self._graph.run(self._step)
            self._num_draws += self._num_keyframes

    def _step(self) -> None:
        sample_window(self._rays, self._window, self._batch)
        self._recipe.step(self._field, self._batch, self._table["seed"][:1])
        self._table["seed"].add_(self._table["num_keyframes"])
