"""Frames a second of whole systems, and the memory that they take."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from gpu_checks.end_to_end import Emit
from gpu_checks.report import Row
from gpu_checks.work import Workload, load_frames, truth
from kernels.cuda import graph
from kernels.cuda.launch import IS_SIMULATED
from slam.bench.contender import Outcome, SlamContender
from slam.config import Config
from slam.device import Device
from slam.evaluation.trajectory import evaluate_trajectory
from slam.frame import Frame

REPEATS = 3
UNREPLAYED_FRAMES = 60
TARGET_FPS = {"tsdf": 1100.0, "neural": 300.0}


def measure(workload: Workload, folder: Path, map_name: str, emit: Emit) -> None:
    """Run a map over all frames, decoded beforehand: the TSDF at both voxel sizes, the neural map
    at its own spacings.
    """
    frames = load_frames(workload, folder, workload.num_frames)
    section = f"{map_name}, tracking and mapping, {len(frames)} frames"
    sizes_m = (workload.voxel_size_m, workload.fine_voxel_size_m) if map_name == "tsdf" else (None,)
    for voxel_size_m in sizes_m:
        what = "" if voxel_size_m is None else f" at {1e3 * voxel_size_m:g} mm"
        config = replace(workload.config(map_name, voxel_size_m), deterministic=False)
        target = None if voxel_size_m == workload.fine_voxel_size_m else TARGET_FPS[map_name]
        _measure_one(section, what, config, frames, target, workload, emit)


def _measure_one(
    section: str,
    what: str,
    config: Config,
    frames: Sequence[Frame],
    target: float | None,
    workload: Workload,
    emit: Emit,
) -> None:
    contender = SlamContender(config.map, config, Device("cuda"))
    contender.warm_up(frames)
    contender.run(frames[: min(len(frames), 10)])  # what the first run at this size has to do
    if not IS_SIMULATED:
        torch.cuda.reset_peak_memory_stats()
    outcomes = [contender.run(frames) for _ in range(REPEATS)]
    fps = [outcome.num_frames / outcome.wall_s for outcome in outcomes]
    note = f"{min(fps):.0f} .. {max(fps):.0f} in {REPEATS} runs"
    emit(Row(section, f"rate{what}", statistics.median(fps), "fps", target=target, is_floor=True,
             note=note))  # fmt: skip
    last = outcomes[-1]
    _describe(section, what, last, workload, emit)
    if not IS_SIMULATED:
        peak_mb = torch.cuda.max_memory_allocated() / 1e6
        emit(Row(section, f"GPU memory{what}, peak", peak_mb, "MB", note="the budget is reserved"))
    graph.replays = False
    try:
        outcome = contender.run(frames[:UNREPLAYED_FRAMES])
    finally:
        graph.replays = not IS_SIMULATED
    rate = outcome.num_frames / outcome.wall_s
    emit(Row(section, f"rate{what}, each launch on its own", rate, "fps"))


def _describe(section: str, what: str, outcome: Outcome, workload: Workload, emit: Emit) -> None:
    emit(Row(section, f"frames lost{what}", float(outcome.num_lost or 0), limit=0.0))
    for stage, times in outcome.stages.items():
        summary = times.summary()
        if summary:
            note = f"p95 {summary['p95']:.3g} ms, as the host sees it"
            emit(Row(section, f"{stage}{what}", summary["p50"], "ms", note=note))
    if len(outcome.trajectory) >= 3:
        true_poses = truth(workload.num_frames)
        ate_mm = 1e3 * evaluate_trajectory(outcome.trajectory, true_poses).ate_rmse_m
        emit(Row(section, f"ATE{what}", ate_mm, "mm"))
    emit(Row(section, f"map{what}", outcome.map_mb, "MB"))
