#!/usr/bin/env python3
"""Time one training step of the neural field, fused against the plain torch reference.

The map is that of the first frames of the synthetic room at their true poses; the step is that of
the mapper: gradients of all losses on a batch of rays, and one update of every level.
Times are medians.

    scripts/bench_field.py [--rays 2048] [--frames 30] [--repeats 50]
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numba
import numpy as np
import torch

from kernels import field as field_ops
from kernels import field_update
from kernels import rays as ray_ops
from kernels.dispatch import using
from kernels.field import COLOR, FINE, MIDDLE, Field, RayBatch
from slam.bench.machine import machine
from slam.config import NeuralConfig
from slam.frame import Frame
from slam.maps.neural.map import NeuralMap
from slam.maps.neural.training import NEAR_M, color_bounds
from slam.maps.readings import surface_readings
from slam.sources.synthetic import open_synthetic

BACKENDS = {"cpu": "fused", "reference": "torch"}
WARM_UP = 5  # compilation, and pages of the map that are written for the first time


def mapped_room(config: NeuralConfig, num_frames: int, num_rays: int) -> tuple[Field, RayBatch]:
    """Return the field of the room's first frames, and rays spread over its keyframes."""
    source = open_synthetic("room", num_frames)
    map_ = NeuralMap(replace(config, budget_ms=0.0), source.depth_noise)
    Ts_world_camera = source.ground_truth().Ts_world_camera
    for index in range(num_frames):
        map_.integrate(source.read(index), Ts_world_camera[index])
    batch = ray_ops.new_batch(num_rays)
    keyframes = range(0, num_frames, config.keyframe_every)
    bounds = np.linspace(0, num_rays, len(keyframes) + 1).astype(int).tolist()
    for k, index in enumerate(keyframes):
        frame = source.read(index)
        ray_ops.sample_rays(
            picked_rays(config, frame), frame.camera.width, frame.color is not None,
            frame.camera.intrinsics, Ts_world_camera[index].astype(np.float32),
            config.truncation_m, NEAR_M, index, batch, bounds[k], bounds[k + 1],
        )  # fmt: skip
    return map_._grid.field, batch


def picked_rays(config: NeuralConfig, frame: Frame) -> ray_ops.Rays:
    """Return a keyframe's rays."""
    readings, normals = surface_readings(frame)
    color = frame.color if frame.color is not None else np.empty((0, 0, 3), np.uint8)
    return ray_ops.pick_rays(
        readings, normals, color, frame.depth_m.shape, frame.camera.intrinsics,
        frame.depth_noise.coefficients, config.ray_cell, frame.index,
    )  # fmt: skip


def step_ms(config: NeuralConfig, field: Field, batch: RayBatch) -> tuple[float, float]:
    """Take one step of the mapper; return the times of the gradients and of the update."""
    weights, num_rays, seed = field_ops.StepWeights(), len(batch.weight), np.array([1])
    start_s = time.perf_counter()
    _, _, touched = field_ops.gradients(field, batch, weights)
    middle_s = time.perf_counter()
    field_update.adagrad(field.middle, touched[MIDDLE], config.middle_rate, 0.0, seed)
    field_update.adagrad(
        field.fine, touched[FINE], config.fine_rate, config.smoothness / num_rays, seed
    )
    field_update.relax(
        field.color, touched[COLOR], *color_bounds(replace(config, rays=num_rays)), seed
    )
    return 1e3 * (middle_s - start_s), 1e3 * (time.perf_counter() - middle_s)


def medians_ms(config: NeuralConfig, field: Field, batch: RayBatch, repeats: int) -> np.ndarray:
    """Return the median times (2, 3): fused and torch; gradients, update and both.

    They take turns, so that what else the machine does meets both.
    """
    times_ms = np.empty((WARM_UP + repeats, len(BACKENDS), 2))
    for repeat in range(len(times_ms)):
        for k, backend in enumerate(BACKENDS):
            with using(backend):
                times_ms[repeat, k] = step_ms(config, field, batch)
    times_ms = times_ms[WARM_UP:]
    return np.median(np.concatenate([times_ms, times_ms.sum(axis=2, keepdims=True)], axis=2), 0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time a training step of the neural field.")
    parser.add_argument("--rays", type=int, default=2048)
    parser.add_argument("--frames", type=int, default=30, help="of the room, mapped beforehand")
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    about = machine()
    config = NeuralConfig()
    field, batch = mapped_room(config, options.frames, options.rays)
    print(f"{about['cpu']}, {about['cores']} cores, torch {torch.__version__}")
    print(f"{options.rays} rays of {field_ops.NUM_SAMPLES} samples, {options.frames} frames\n")
    rows = [["threads", "", *(f"{name} ms" for name in BACKENDS.values()), "ratio"]]
    for threads in sorted({1, about["numba_threads"]}):
        numba.set_num_threads(threads)
        torch.set_num_threads(threads)
        by_part = medians_ms(config, field, batch, options.repeats).T
        for part, (fused, plain) in zip(("gradients", "update", "step"), by_part, strict=True):
            rows.append(
                [str(threads), part, f"{fused:.2f}", f"{plain:.2f}", f"{plain / fused:.1f}"]
            )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * (width - 1) + ":" for width in widths])
    print("\n".join(f"| {line} |" for line in map(" | ".join, padded(rows, widths))))


def padded(rows: list[list[str]], widths: list[int]) -> list[list[str]]:
    """Pad every cell to the width of its column."""
    return [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]


if __name__ == "__main__":
    main()
