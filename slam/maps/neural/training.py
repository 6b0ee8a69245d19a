"""Mapping: optimises the field on the rays of a window of keyframes, within a time budget."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from kernels import field as field_ops
from kernels import field_update
from kernels import rays as ray_ops
from kernels.dispatch import using
from kernels.field import COLOR, FINE, MIDDLE, Field, StepWeights
from kernels.threads import take_free_threads
from slam.camera import DepthNoise
from slam.config import NeuralConfig
from slam.maps.keyframes import Keyframe

TYPICAL_DEPTH_M, CLEAN_SIGMA_M = 2.0, 0.0015  # of a rendered sequence, where fine_rate was tuned
NEAR_M = 0.2  # free space is sampled from here on


def fine_rate(config: NeuralConfig, depth_noise: DepthNoise) -> float:
    """Return the rate of the fine features for a sensor. AdaGrad normalises
    by the scale of the errors: noisy sensors would change the field as much as clean ones.
    """
    quality = min(1.0, CLEAN_SIGMA_M / depth_noise.sigma_m(TYPICAL_DEPTH_M))
    return config.fine_rate * quality


def color_bounds(config: NeuralConfig) -> tuple[float, float]:
    """Return the curvatures of as many readings as colours average, and as they start with; see
    `kernels.field_update.relax`.
    """
    of_one = 2.0 * StepWeights().color / config.rays
    return config.color_memory * of_one, config.color_prior * of_one


def ray_bounds(num_rays: int, num_keyframes: int) -> list[int]:
    """Share a batch out to the keyframes of a window: a third to the newest, the rest evenly.

    Keyframe i has the rays from element i to element i + 1.
    """
    num_newest = num_rays // 3 if num_keyframes > 1 else num_rays
    return [0, *np.linspace(num_newest, num_rays, num_keyframes).astype(int).tolist()]


@dataclass(frozen=True)
class Recipe:
    """One training step, wherever the field lives: gradients of all losses, then one update of what
    they touched.
    """

    config: NeuralConfig
    depth_noise: DepthNoise
    moments: tuple[field_ops.DecoderGradient, field_ops.DecoderGradient]  # changed by each step

    def step(self, field: Field, batch: field_ops.RayBatch, seed: Int64[np.ndarray, "1"]) -> None:
        """Take one step on a batch, in place; `seed` is another in each step."""
        config = self.config
        _, d_decoder, touched = field_ops.gradients(field, batch, StepWeights())
        take_free_threads()
        field_update.adagrad(field.middle, touched[MIDDLE], config.middle_rate, 0.0, seed)
        rate = fine_rate(config, self.depth_noise)
        smoothness = config.smoothness / config.rays
        field_update.adagrad(field.fine, touched[FINE], rate, smoothness, seed)
        field_update.relax(field.color, touched[COLOR], *color_bounds(config), seed)
        field_update.update_decoder(field.decoders, d_decoder, self.moments, config.decoder_rate)


class Trainer:
    """Runs steps of the field's training and keeps what they need between them."""

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise) -> None:
        self._config = config
        self._recipe = Recipe(config, depth_noise, field_update.new_moments())
        self._batch = ray_ops.new_batch(config.rays)
        self._num_draws = 0

    def run(
        self,
        field: Field,
        window: Sequence[Keyframe],
        num_steps: int,
        deadline_s: float,
        implementation: str,
    ) -> None:
        """Run so many steps, fewer where the deadline (`time.perf_counter`) comes first.

        `implementation` is "fused" or "reference", the same in plain torch.
        """
        window = [keyframe for keyframe in window if keyframe.num_rays]
        for _ in range(num_steps if window else 0):
            take_free_threads()
            seed = np.array([self._num_draws + 1])
            self._sample(window)
            with using("reference") if implementation == "reference" else nullcontext():
                self._recipe.step(field, self._batch, seed)
            if time.perf_counter() > deadline_s:
                return

    def _sample(self, window: Sequence[Keyframe]) -> None:
        bounds = ray_bounds(len(self._batch.weight), len(window))
        for keyframe, first, last in zip(window, bounds[:-1], bounds[1:], strict=True):
            self._num_draws += 1
            ray_ops.sample_rays(
                keyframe.rays,
                keyframe.camera.width,
                keyframe.has_color,
                keyframe.camera.intrinsics,
                np.ascontiguousarray(keyframe.T_world_camera, np.float32),
                self._config.truncation_m,
                NEAR_M,
                self._num_draws,
                self._batch,
                first,
                last,
            )
