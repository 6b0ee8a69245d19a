"""What closing loops is worth: a walk with a known drift, a ring that drifts by itself, false
loops among true ones, and maps that are moved, joined and merged.

    python scripts/loop_study.py [PART ...] [--map tsdf] [--scale 0.5] [--stride 3] [--seeds 5]

drift: synthetic:apartment with a Kinect's noise, its true poses made worse by 0.3 mm and 0.01
degrees a frame. false: the same with 5 % false loops that all checks have let through. ring:
synthetic:ring with a stereo camera's noise, tracked. kidnap: the apartment tracked, and 3 s of the
walk, after which a room is in view that was not seen yet, left out. mesh: the map of drift beside
that of the same frames fused at the poses that drift ends with. merge: the apartment in two
recordings that overlap in one room, tracked and merged, without noise and with a Kinect's.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from loop_walks import (
    LoopsOf,
    Outcome,
    closing,
    drifting_apartment,
    end_drift_m,
    go,
    left_open,
    lied_to,
    odometry,
    of_drift,
    of_kidnap,
    of_map,
    off_surface_m,
    scaled,
)

from slam.cli import main as slam
from slam.config import NoiseConfig, SyntheticConfig
from slam.evaluation.trajectory import evaluate_trajectory
from slam.maps.base import Mesh
from slam.runs.finished import load_run
from slam.sources import synthetic
from slam.sources.base import Source
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic
from slam.tracking.factory import dense_tracker
from slam.tracking.given import GivenPoses
from slam.tracking.pieces import Pieces
from slam.trajectory import Trajectory, read_tum

KIDNAPS = (480, 780, 1380)  # frames of the apartment; 3 s later less than 15 % of the view is known
KIDNAPPED_FRAMES = 90
OVERLAP_FRAMES = 240  # of two halves: 8 s, in one room


def of_ring(seed: int, options: argparse.Namespace) -> Outcome:
    motion = SyntheticConfig(motion="smooth", seed=seed)
    source = NoisySource(
        scaled(open_synthetic("ring", config=motion), options.scale),
        NoiseConfig(model="stereo", seed=seed),
    )
    config = of_map(options.map)
    return go(
        source,
        range(0, len(source.timestamps_s), options.stride)[: options.limit or None],
        lambda places: dense_tracker(config.tracking, recogniser=places, pieces=Pieces()),
        config,
        closing,
    )


def drifting(source: Source, options: argparse.Namespace, loops_of: LoopsOf) -> Outcome:
    return of_drift(source, options.stride, options.limit, loops_of, of_map(options.map))


def say_drift(options: argparse.Namespace) -> None:
    source = drifting_apartment(options.scale)
    report("drift", drifting(source, options, closing))


def say_false(options: argparse.Namespace) -> None:
    source = drifting_apartment(options.scale)
    report("false", drifting(source, options, lied_to))


def say_ring(options: argparse.Namespace) -> None:
    for seed in range(options.seeds):
        outcome = of_ring(seed, options)
        report(f"ring, seed {seed}", outcome)
        before = odometry(outcome.slam.graph())
        truth = open_synthetic("ring").ground_truth()
        end_cm, ate_cm = (
            100 * end_drift_m(before, truth),
            100 * evaluate_trajectory(before, truth).ate_rmse_m,
        )
        say(f"  odometry alone: {end_cm:.1f} cm off in the end, ATE {ate_cm:.2f} cm")


def say_kidnap(options: argparse.Namespace) -> None:
    source = drifting_apartment(options.scale, noise="none")
    num_frames = options.limit * options.stride or len(source.timestamps_s)
    for begin in KIDNAPS:
        frames = np.arange(0, num_frames, options.stride)
        left = frames[(frames < begin) | (frames >= begin + KIDNAPPED_FRAMES)].tolist()
        outcome = of_kidnap(source, left, options.stride / 30, of_map(options.map))
        report(f"kidnap at {begin}", outcome)
        pieces = outcome.slam.loops.metrics()["pieces"]
        share = len(outcome.slam.trajectory()) / len(left)
        say(f"  {pieces} piece(s) left; {100 * share:.1f} % of the frames have a pose")


def say_mesh(options: argparse.Namespace) -> None:
    source = drifting_apartment(options.scale)
    moved = drifting(source, options, closing)
    report("drift", moved)
    indices = range(0, len(source.timestamps_s), options.stride)[: options.limit or None]
    final = moved.slam.trajectory()
    config = of_map(options.map)
    config = replace(config, neural=replace(config.neural, adjust_poses=False))  # as in rebuild
    rebuilt = go(source, indices, lambda _: GivenPoses(final), config, left_open)
    for name, outcome in (("moved", moved), ("rebuilt", rebuilt)):
        mesh = outcome.slam.map.mesh().observed()
        off_cm = 100 * off_surface_m(mesh, final)
        say(f"  {name}: mesh of {area_m2(mesh):.2f} m2, {off_cm:.3f} cm off the true surface")


def area_m2(mesh: Mesh) -> float:
    a, b, c = mesh.vertices_m[mesh.triangles].astype(np.float64).transpose(1, 0, 2)
    return 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())


def say_merge(options: argparse.Namespace) -> None:
    synthetic.CAMERA = synthetic.CAMERA.scaled(options.scale)  # also of runs that are read again
    truth = open_synthetic("apartment").ground_truth()
    num_frames = options.limit * options.stride or len(truth)
    middle = num_frames // 2
    halves = (0, middle + OVERLAP_FRAMES // 2), (middle - OVERLAP_FRAMES // 2, num_frames)
    for noise in ("none", "kinect"):
        with tempfile.TemporaryDirectory() as name:
            out = Path(name)
            for number, (start, end) in enumerate(halves, start=1):
                slam([
                    "run", "synthetic:apartment", "--noise", noise, "--deterministic",
                    "--map", options.map, "--start", str(start), "--stride", str(options.stride),
                    "--limit", str((end - start) // options.stride),
                    "--tsdf.voxel-size-m", "0.02", "--neural.base-spacing-m", "0.02",
                    "--out", str(out / str(number)),
                ])  # fmt: skip
            slam(["merge", str(out / "1"), str(out / "2"), "--out", str(out / "both")])
            say_both(noise, out, truth)


def say_both(noise: str, out: Path, truth: Trajectory) -> None:
    """Say the error of two merged runs, aligned as one: the second's clock goes on behind."""
    parts = [read_tum(out / "both" / f"trajectory_{number}.txt") for number in (1, 2)]
    later_s = np.array([0.0, truth.timestamps_s[-1] + 1.0])
    both = Trajectory(
        np.concatenate([part.timestamps_s + t for part, t in zip(parts, later_s, strict=True)]),
        np.concatenate([part.Ts_world_camera for part in parts]),
    )
    twice = Trajectory(
        np.concatenate([truth.timestamps_s + t for t in later_s]),
        np.tile(truth.Ts_world_camera, (2, 1, 1)),
    )
    both_cm, *each_cm = (
        100 * evaluate_trajectory(*pair).ate_rmse_m
        for pair in ((both, twice), (parts[0], truth), (parts[1], truth))
    )
    joined_by = load_run(out / "both").metrics["joined_by"]
    say(
        f"merge, noise {noise:10} ATE over both {both_cm:.2f} cm, of each {each_cm[0]:.2f} and"
        f" {each_cm[1]:.2f} cm; joined by {joined_by} places"
    )


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "drift": say_drift,
    "false": say_false,
    "ring": say_ring,
    "kidnap": say_kidnap,
    "mesh": say_mesh,
    "merge": say_merge,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], default=["drift", "false", "ring"]
    )
    parser.add_argument("--map", choices=["tsdf", "neural"], default="tsdf")
    parser.add_argument("--scale", type=float, default=0.5)
    parser.add_argument("--stride", type=int, default=3)
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    say(f"{'':24}{'ATE online':>12}{'ATE':>12}{'accepted':>10}{'refused':>9}{'false':>7}")
    for part in options.parts:
        PARTS[part](options)


def report(name: str, outcome: Outcome) -> None:
    say(
        f"{name:24}{100 * outcome.ate_online_m:9.2f} cm{100 * outcome.ate_m:9.2f} cm"
        f"{outcome.num_accepted:10}{outcome.num_refused:9}{outcome.num_false:7}"
    )


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
