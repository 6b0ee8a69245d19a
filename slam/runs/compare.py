"""A whole comparison: one source through a system for each map, side by side."""

from dataclasses import replace
from typing import Any

from slam.config import Config, LoopsConfig
from slam.maps.factory import MAPS
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
from slam.sources.base import Source, Stream
from slam.tracking.followed import FollowedPoses, Leader


def compare(
    source: Source | Stream,
    config: Config,
    options: RunOptions,
    onlookers: Onlookers | None = None,
) -> dict[str, Any]:
    """Run SLAM with every map over one source; write a run folder for each, `comparison.json` and
    the report of both; return what the JSON holds.

    `options.resume` is the folder of an earlier comparison. Ends early like `slam.runs.single.run`.
    """
    onlookers = Onlookers() if onlookers is None else onlookers
    if not config.deterministic:
        keeper = EffortKeeper(config.compare.min_fps)
        onlookers = replace(onlookers, watchers=[keeper, *onlookers.watchers])
    folder = RunFolder(options.out)

    options = replace(options, use_gt_poses=config.compare.track_against == "gt")
    if config.compare.track_against != "own":  # nor may a map move that another's poses are in
        config = replace(config, loops=LoopsConfig(enabled=False))

    def make_systems() -> list[System]:
        return _systems(source, config, options)

    def folder_of(system: System) -> RunFolder:
        return RunFolder(folder.path / system.name)

    with logged_to(folder):
        session, shared = run_session(source, options, make_systems, folder, folder_of, onlookers)
        again = recorded(source)
        run_dirs = [folder.path / name for name in MAPS]
        comparison = shared | {
            "track_against": config.compare.track_against,
            "frames": session.num_frames,
            "fps": session.num_frames / session.wall_s,
        }
        for run_dir in run_dirs:
            evaluate_run(run_dir, again)
        joint = compare_runs(run_dirs, again, folder.path / "report.html")
        comparison |= {"maps": joint["systems"], "mesh_difference": joint["mesh_difference"]}
        folder.write_comparison(comparison)
    return comparison


def _systems(source: Source | Stream, config: Config, options: RunOptions) -> list[System]:
    """Make a system for each map; one that others track against comes first."""
    against = config.compare.track_against
    systems: list[System] = []
    leader: Leader | None = None
    for name in sorted(MAPS, key=lambda name: name != against):
        own = replace(config, map=name)
        resume = None if options.resume is None else options.resume / name / "map.npz"
        places = known_places(own, resume)
        if leader is not None:
            tracker = FollowedPoses(leader)
        else:
            tracker = new_tracker(source, own, options, places)
            if name == against:
                tracker = leader = Leader(tracker)
        systems.append(new_system(source, own, tracker, places, resume, options))
    return systems
