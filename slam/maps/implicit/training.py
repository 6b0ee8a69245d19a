"""Training the network on the rays of a window of frames, within a time budget."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from kernels import rays as ray_ops
from kernels.field import NUM_SAMPLES, RayBatch
from kernels.rays import Rays
from slam.config import ImplicitConfig
from slam.maps.implicit.network import Network
from slam.maps.implicit.outputs import (
    Batch,
    RayLosses,
    density_losses,
    occupancy_losses,
    sdf_losses,
)
from slam.maps.implicit.replay import Replayed

NEAR_M = 0.2  # free space is sampled from here on
NUM_FREE = 12  # samples of a rendered ray before the band
# unless the config says otherwise; a sine's argument is 30 times its weights', so it takes less
RATE, SIREN_RATE = 0.002, 0.0001
HASH_RATE = 5.0  # of a hash's entries, beside the layers: each is met seldom
SEED = 0
NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its median deviation
MEMORY = 0.9  # of the error at the readings, from one step to the next

LOSSES: dict[str, Callable[[Tensor, Tensor, Batch], RayLosses]] = {
    "sdf": sdf_losses,
    "occupancy": occupancy_losses,
    "density": density_losses,
}


class Trainer:
    """Runs steps of training and keeps what they need between them."""

    def __init__(self, config: ImplicitConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._device = network.origin_m.device
        self._losses = LOSSES[config.output]
        num_samples = NUM_SAMPLES + NUM_FREE if config.output == "density" else NUM_SAMPLES
        self._num_rays = max(1, config.points // num_samples)
        tables = [p for name, p in network.named_parameters() if name == "encoding.tables"]
        layers = [p for name, p in network.named_parameters() if name != "encoding.tables"]
        rate = RATE if config.encoding != "siren" else SIREN_RATE
        rate = rate if config.rate is None else config.rate
        groups = [{"params": layers}, {"params": tables, "lr": HASH_RATE * rate}]
        self.optimiser = torch.optim.Adam(groups[: 1 + bool(tables)], rate, eps=1e-12, fused=True)
        self.sigma_m = config.truncation_m  # of the distance at readings, in the last steps
        self._rng = np.random.default_rng(SEED)
        self._num_draws = 0

    def run(self, window: Sequence[Replayed], num_steps: int, deadline_s: float) -> None:
        """Run so many steps, fewer where the deadline (`time.perf_counter`) comes first."""
        window = [each for each in window if each.keyframe.num_rays]
        for _ in range(num_steps if window else 0):
            self._step(window)
            if time.perf_counter() > deadline_s:
                return

    def _step(self, window: Sequence[Replayed]) -> None:
        bounds = np.linspace(0, self._num_rays, len(window) + 1).astype(int).tolist()
        drawn, batch = self._draw(window, bounds)
        n, m, _ = batch.points.shape
        values = self._network(batch.points.reshape(-1, 3)).reshape(n, m, 4)
        losses = self._losses(values[..., 0], values[..., 1:], batch)
        each = losses.geometry + self._config.color_weight * losses.color
        self.optimiser.zero_grad(set_to_none=True)
        (batch.weight * each).mean().backward()
        self.optimiser.step()
        sigma_m = NORMAL_MAD * self._config.truncation_m * float(losses.miss.median())
        self.sigma_m = MEMORY * self.sigma_m + (1.0 - MEMORY) * sigma_m
        if self._config.output == "density":
            self._network.level.lerp_(losses.at_reading.median(), 1.0 - MEMORY)
        found = each.detach().cpu().numpy()
        for replayed, rays, first, last in zip(window, drawn, bounds[:-1], bounds[1:], strict=True):
            replayed.learn(rays, found[first:last])

    def _draw(
        self, window: Sequence[Replayed], bounds: Sequence[int]
    ) -> tuple[list[np.ndarray], Batch]:
        """Draw rays of every frame of a window and samples along them."""
        config, batch = self._config, ray_ops.new_batch(self._num_rays)
        reading_m = np.empty(self._num_rays, np.float32)
        centers_m = np.empty((self._num_rays, 3), np.float32)
        drawn = []
        for replayed, first, last in zip(window, bounds[:-1], bounds[1:], strict=True):
            keyframe = replayed.keyframe
            pick = replayed.draw(last - first, config.active_share, self._rng)
            rays = Rays(*(array[pick] for array in keyframe.rays))
            self._num_draws += 1
            if last > first:
                ray_ops.sample_rays(
                    rays, keyframe.camera.width, keyframe.has_color, keyframe.camera.intrinsics,
                    np.ascontiguousarray(keyframe.T_world_camera, np.float32),
                    config.truncation_m, NEAR_M, self._num_draws, batch, first, last,
                )  # fmt: skip
            reading_m[first:last] = rays.depth_m
            centers_m[first:last] = keyframe.T_world_camera[:3, 3]
            drawn.append(pick)
        if config.output == "density":
            return drawn, self._rendered(batch, reading_m, centers_m)
        depth_m = np.empty(batch.distance_m.shape, np.float32)  # of no use to the other losses
        return drawn, self._on_device(batch, batch.points, depth_m, reading_m)

    def _rendered(self, batch: RayBatch, reading_m: np.ndarray, centers_m: np.ndarray) -> Batch:
        """Add samples of free space, evenly to the band, and sort all along their rays."""
        ray = (batch.points[:, 0] - centers_m) / reading_m[:, None]  # 1 long in z
        slant = np.linalg.norm(ray, axis=1)
        depth_m = np.linalg.norm(batch.points - centers_m[:, None], axis=2) / slant[:, None]
        part = np.arange(NUM_FREE) + self._rng.random((len(ray), NUM_FREE))
        free_m = NEAR_M + part / NUM_FREE * np.maximum(reading_m - NEAR_M, 0.0)[:, None]
        depth_m = np.sort(np.concatenate([depth_m, free_m], axis=1), axis=1).astype(np.float32)
        points = centers_m[:, None] + depth_m[..., None] * ray[:, None]
        return self._on_device(batch, points, depth_m, reading_m)

    def _on_device(
        self, batch: RayBatch, points: np.ndarray, depth_m: np.ndarray, reading_m: np.ndarray
    ) -> Batch:
        arrays = (
            points, batch.distance_m / np.float32(self._config.truncation_m), depth_m, reading_m,
            batch.rgb, batch.weight,
        )  # fmt: skip
        tensors = [torch.from_numpy(array).to(self._device) for array in arrays]
        return Batch(*tensors, truncation_m=self._config.truncation_m)
