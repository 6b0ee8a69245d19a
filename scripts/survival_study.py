#!/usr/bin/env python3
"""What tracking survives: how often a pose is wrong and yet OK, and how often it is OK at all.

`starts` begins a new map at many frames of a recording and looks at the poses that follow, at
several strides; the table has a row for each source and stride:

    scripts/survival_study.py starts SOURCE ... [--strides 1,2,3,4,6] [--every 7] [--poses 3]
        [--map tsdf] [any config field as --section.field VALUE]

`kidnaps` cuts 2 to 10 seconds out of a walk, many times, and looks whether the camera is found
again within a second of seeing mapped surface; the map has true poses,
and every cut is three kidnaps: resumed anywhere, there, and back:

    scripts/survival_study.py kidnaps SOURCE ... [--cuts 10] [--seed 0] [--noise kinect]

`walks` goes through whole walks, or their first `--frames`:

    scripts/survival_study.py walks SOURCE ... [--frames 200] [--tracking.photometric false]

`movers` puts a box before the camera, which starts, is in motion, comes or nears, and looks how far
it takes the camera along; for synthetic scenes:

    scripts/survival_study.py movers synthetic:room ... [--boxes 4] [--seed 0]
        [--noise.model kinect]
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from survival import movers
from survival.kidnaps import LIMIT_S, Kidnap, kidnaps, median_step_s
from survival.walks import walked

from slam import Config, Slam, load_config, open_source
from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.sources.base import Source
from slam.sources.depth_range import clamped
from slam.tracking.base import TrackResult, TrackState
from slam.trajectory import associate

MAX_ERROR = 5.0, 3.0  # cm and degrees that the reference of a real recording can tell from right
MAX_EXACT_ERROR = 1.0, 0.5  # where the truth is exact


@dataclass
class Tally:
    """What became of the poses of one source at one stride."""

    poses: int = 0
    ok: int = 0
    wrong: list[str] = field(default_factory=list)  # and yet OK

    def add(self, where: str, result: TrackResult, T_error: Transform, limits: tuple[float, float]):
        """Count a pose."""
        self.poses += 1
        if result.state is not TrackState.OK:
            return
        self.ok += 1
        error_cm, error_deg = error_of(T_error)
        if error_cm > limits[0] or error_deg > limits[1]:
            self.wrong.append(
                f"{where}: {error_cm:.1f} cm, {error_deg:.1f} deg off; "
                f"inliers {result.inlier_ratio:.2f}, residual {1e3 * result.residual_m:.1f} mm"
            )


def error_of(T: Transform) -> tuple[float, float]:
    """Return centimetres and degrees."""
    return 100.0 * float(np.linalg.norm(T[:3, 3])), float(np.degrees(rotation_angle_rad(T[:3, :3])))


def is_real(name: str) -> bool:
    """Whether a source's reference is no better than what is measured with it."""
    return any(word in name for word in ("kitchen", "freiburg"))


def limits_of(name: str) -> tuple[float, float]:
    """Return the errors, in cm and degrees, from which a pose counts as wrong."""
    return MAX_ERROR if is_real(name) else MAX_EXACT_ERROR


def true_poses(source: Source) -> Mapping[int, Transform]:
    """Return T_world_camera of the frames that have one, by index."""
    truth = source.ground_truth()
    if truth is None:
        raise SystemExit(f"{source.name} has no ground truth")
    pairs = zip(*associate(source.timestamps_s, truth.timestamps_s), strict=True)
    return {int(i): truth.Ts_world_camera[j] for i, j in pairs}


def starts(
    source: Source, config: Config, stride: int, every: int, num_poses: int, frames: int
) -> Tally:
    """Begin a map at every n-th frame and track those that follow, `stride` frames apart."""
    tally = Tally()
    true = true_poses(source)
    limits = limits_of(source.name)
    last = min(len(source.timestamps_s), frames) - num_poses * stride
    for first in range(0, last, every):
        indices = [first + k * stride for k in range(num_poses + 1)]
        if not all(i in true for i in indices):
            continue
        with Slam.from_config(config, source.depth_noise, "cpu") as slam:
            T_map_truth = None
            for i in indices:
                result = slam.step(clamped(source.read(i), source.camera, config.playback))
                if T_map_truth is None or result.begins_piece:  # a piece has a world of its own
                    T_map_truth = result.T_world_camera @ inverse(true[i])
                    continue
                T_error = inverse(true[i]) @ inverse(T_map_truth) @ result.T_world_camera
                moved_cm, moved_deg = error_of(inverse(true[i - stride]) @ true[i])
                where = f"from {first}, frame {i} ({moved_cm:.1f} cm, {moved_deg:.1f} deg on)"
                tally.add(where, result, T_error, limits)
    return tally


def uninterrupted(source: Source, config: Config) -> Mapping[int, Transform]:
    """Return T_world_camera of the frames as one run through all of them has it."""
    poses = {}
    with Slam.from_config(config, source.depth_noise, "cpu") as slam:
        for i in range(len(source.timestamps_s)):
            result = slam.step(clamped(source.read(i), source.camera, config.playback))
            if result.state is not TrackState.LOST:
                poses[i] = result.T_world_camera
    return poses


def starts_table(options: argparse.Namespace, config: Config) -> list[str]:
    """Print a row for each source and stride; return what was wrong."""
    print("| source | stride | poses | OK, % | wrong but OK |\n| --- | --- | --- | --- | --- |")
    wrong = []
    for name in options.sources:
        source = open_source(name, config)
        for stride in map(int, options.strides.split(",")):
            tally = starts(source, config, stride, options.every, options.poses, options.frames)
            share = 100.0 * tally.ok / max(tally.poses, 1)
            print(
                f"| {name} | {stride} | {tally.poses} | {share:.1f} | {len(tally.wrong)} |",
                flush=True,
            )
            wrong += [f"{name}, stride {stride}, {line}" for line in tally.wrong]
    return wrong


def kidnaps_table(options: argparse.Namespace, config: Config) -> list[str]:
    """Print a row for each source; return what was wrong.

    Where the reference is no better than the tracker, an uninterrupted run is what is true.
    """
    print(
        "| source | see the map | found in 1 s, % | frames, median | largest error, cm | wrong "
        "| see no map | placed |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    wrong: list[str] = []
    for name in options.sources:
        source = open_source(name, config)
        truth = uninterrupted(source, config) if is_real(name) else true_poses(source)
        found = list(kidnaps(source, config, truth, options.cuts, options.seed))
        print(kidnaps_row(name, found, 1.0 / median_step_s(source)), flush=True)
        wrong += [f"{name}, {line}" for kidnap in found for line in kidnap.wrong]
    return wrong


def kidnaps_row(name: str, found: Sequence[Kidnap], frames_per_s: float) -> str:
    """Return a row of the table."""
    seeing = [kidnap for kidnap in found if kidnap.sees_map]
    blind = [kidnap for kidnap in found if not kidnap.sees_map]
    waits = [k.frames_until_found for k in seeing if k.frames_until_found is not None]
    num_in_time = sum(wait <= LIMIT_S * frames_per_s for wait in waits)
    values = (
        name,
        len(seeing),
        f"{100.0 * num_in_time / max(len(seeing), 1):.0f}",
        f"{np.median(waits):.0f}" if waits else "-",
        f"{100.0 * max(kidnap.error_m for kidnap in found):.1f}",
        sum(bool(kidnap.wrong) for kidnap in found),
        len(blind),
        sum(kidnap.frames_until_found is not None for kidnap in blind),
    )
    return f"| {' | '.join(map(str, values))} |"


def walks_table(options: argparse.Namespace, config: Config) -> list[str]:
    """Print a row for each source; nothing counts as wrong."""
    print("| source | frames | OK, % | LOST, % | ATE, cm |\n| --- | --- | --- | --- | --- |")
    for name in options.sources:
        walk = walked(open_source(name, config), config, options.frames)
        shares = (f"{100.0 * num / walk.num_frames:.1f}" for num in (walk.num_ok, walk.num_lost))
        ate_cm = "-" if walk.ate_m is None else f"{100.0 * walk.ate_m:.3f}"
        print(f"| {name} | {walk.num_frames} | {' | '.join(shares)} | {ate_cm} |", flush=True)
    return []


def movers_table(options: argparse.Namespace, config: Config) -> list[str]:
    """Print a row for each source and way of a box; return what was wrong."""
    print(movers.HEADER)
    wrong: list[str] = []
    for name in options.sources:
        for kind in movers.KINDS:
            seeds = range(options.seed, options.seed + options.boxes)
            sources = (movers.before_a_box(name, kind, n, config) for n in seeds)
            found = [movers.carried(one, config, MAX_EXACT_ERROR[0] / 100.0) for one in sources]
            print(movers.row(name, kind, found), flush=True)
            which = (n for n, one in zip(seeds, found, strict=True) if one.num_wrong)
            wrong += [f"{name}, {kind}, seed {n}: taken along" for n in which]
    return wrong


TABLES = {
    "starts": starts_table, "kidnaps": kidnaps_table, "walks": walks_table, "movers": movers_table,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; 1 if any pose was wrong and yet OK."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("section", choices=TABLES)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--strides", default="1,2,3,4,6", help="separated by commas")
    parser.add_argument("--every", type=int, default=7, help="frames between starts")
    parser.add_argument("--poses", type=int, default=3, help="after each start")
    parser.add_argument("--frames", type=int, default=10**9, help="use no more of a recording")
    parser.add_argument("--cuts", type=int, default=10, help="of a walk, two kidnaps each")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the lengths of the cuts, or of the first box"
    )
    parser.add_argument("--boxes", type=int, default=4, help="of each kind")
    parser.add_argument("--config", type=Path, nargs="*", default=[])
    options, rest = parser.parse_known_args(arguments)
    names = (name.removeprefix("--").replace("-", "_") for name in rest[::2])
    overrides = dict(zip(names, rest[1::2], strict=True))
    config = load_config(options.config, {"deterministic": "true"} | overrides)
    logging.disable(logging.WARNING)
    wrong = TABLES[options.section](options, config)
    print("", *wrong, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
