"""A whole comparison: one source through a system for each map, side by side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from slam.config import LoopsConfig
from slam.errors import SlamError
from slam.report.comparison import compare_runs
from slam.report.finished_run import evaluate_run
from slam.runs.folder import RunFolder
from slam.runs.frame_rate import EffortKeeper
from slam.runs.loop import Onlookers, System
from slam.runs.metrics import logged_to
from slam.runs.single import (
    RunOptions,
    known_places,
    new_system,
    new_tracker,
    recorded,
    run_session,
)
from slam.runs.variants import Variant
from slam.sources.base import Source, Stream
from slam.tracking.followed import FollowedPoses, Leader

MIN_FPS = 24.0  # unless the config says otherwise


def compare(
    source: Source | Stream,
    variants: Sequence[Variant],
    options: RunOptions,
    onlookers: Onlookers | None = None,
) -> dict[str, Any]:
    """Run SLAM with every map over one source; write a run folder for each, `comparison.json` and
    the report of all; return what the JSON holds.

    The variants differ only in what each has for itself. `options.resume` is the folder of an
    earlier comparison of the same ones. Ends early like `slam.runs.single.run`.
    """
    config = variants[0].config
    against = config.compare.track_against
    known = ["own", "gt", *(variant.name for variant in variants)]
    if against not in known:
        raise SlamError(f"compare.track_against must be one of {', '.join(known)}; got {against}")
    onlookers = Onlookers() if onlookers is None else onlookers
    min_fps = _min_fps(variants)
    if min_fps is not None and not config.deterministic:
        keeper = EffortKeeper(min_fps)
        onlookers = replace(onlookers, watchers=[keeper, *onlookers.watchers])
    folder = RunFolder(options.out)

    options = replace(options, use_gt_poses=against == "gt")
    if against != "own":  # nor may a map move that another's poses are in
        still = LoopsConfig(enabled=False)
        variants = [replace(each, config=replace(each.config, loops=still)) for each in variants]

    def make_systems() -> list[System]:
        return _systems(source, variants, against, options)

    def folder_of(system: System) -> RunFolder:
        return RunFolder(folder.path / system.name)

    with logged_to(folder):
        session, shared = run_session(source, options, make_systems, folder, folder_of, onlookers)
        again = recorded(source)
        run_dirs = [folder.path / variant.name for variant in variants]
        comparison = shared | {
            "track_against": against,
            "frames": session.num_frames,
            "fps": session.num_frames / session.wall_s,
        }
        for run_dir in run_dirs:
            evaluate_run(run_dir, again)
        joint = compare_runs(run_dirs, again, folder.path / "report.html")
        comparison |= {"maps": joint["systems"], "mesh_difference": joint["mesh_difference"]}
        folder.write_comparison(comparison)
    return comparison


def _min_fps(variants: Sequence[Variant]) -> float | None:
    """Return the frame rate to hold; None where all maps may take their time."""
    asked = variants[0].config.compare.min_fps
    if asked is None and all(variant.config.map != "implicit" for variant in variants):
        return MIN_FPS
    return asked


def _systems(
    source: Source | Stream, variants: Sequence[Variant], against: str, options: RunOptions
) -> list[System]:
    """Make a system for each map; one that others track against comes first."""
    systems: list[System] = []
    leader: Leader | None = None
    for variant in sorted(variants, key=lambda variant: variant.name != against):
        name, own = variant.name, variant.config
        resume = None if options.resume is None else options.resume / name / "map.npz"
        places = known_places(own, resume)
        if leader is not None:
            tracker = FollowedPoses(leader)
        else:
            tracker = new_tracker(source, own, options, places)
            if name == against:
                tracker = leader = Leader(tracker)
        systems.append(new_system(source, own, tracker, places, resume, options, name))
    return systems
