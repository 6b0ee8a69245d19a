"""A whole run: a source through tracker and map into a run folder."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from slam.config import Config
from slam.device import CPU, Device
from slam.errors import SlamError, error_context
from slam.evaluation.given_poses import doubt_about
from slam.graph.factory import new_loops, new_pieces
from slam.graph.no_loops import NoLoops
from slam.journal import Earlier, Journal
from slam.maps.base import own_sigma_m
from slam.maps.factory import arrays_beside, can_be_moved, new_map, resume_map
from slam.places.memory import AnyPlaces, new_places
from slam.places.places_file import PREFIX, keyframes_in
from slam.report.finished_run import evaluate_run
from slam.runs.checkpoint import Checkpoints, write_checkpoint
from slam.runs.folder import RunFolder
from slam.runs.loop import Onlookers, Session, System
from slam.runs.mesh_saver import MeshSaver
from slam.runs.metrics import logged_to, session_metrics, system_metrics, write_results
from slam.runs.warmup import warm_up
from slam.sources.base import Source, Stream
from slam.sources.holdout import EVERY_FRAME, HeldOut
from slam.system import Slam
from slam.tracking.base import Tracker
from slam.tracking.factory import dense_tracker
from slam.tracking.given import GivenPoses
from slam.tracking.judge import new_judge
from slam.tracking.movers import Movers, NothingMoves
from slam.tracking.sensor_noise import NOISE_PREFIX, SensorNoise

logger = logging.getLogger(__name__)
MIN_IMAGE_PX = 32  # the tracker's smallest image is a sixteenth


@dataclass(frozen=True)
class RunOptions:
    """What a run needs beside its config."""

    out: Path
    source_spec: str
    use_gt_poses: bool = False
    resume: Path | None = None
    localize_only: bool = False
    device: Device = CPU
    earlier: Earlier | None = None  # of a run in `out`, which is gone on with
    begun_with: str | None = None  # the saved map of another run, which that run went on with
    notes: Sequence[str] = ()  # on the options, for the log

    def __post_init__(self) -> None:
        if self.localize_only and self.resume is None:
            raise SlamError("--localize-only needs the map to localise in: give --resume MAP")

    @property
    def poses_are_given(self) -> bool:
        """Whether nothing may move a pose: it is true, or that of a map which stays as it is."""
        return self.use_gt_poses or self.localize_only

    @property
    def begins_with(self) -> str | None:
        """The map of another run that this one's is made of, too."""
        if self.resume is None or self.earlier is not None:
            return self.begun_with
        return str(self.resume.absolute())


def run(
    source: Source | Stream,
    config: Config,
    options: RunOptions,
    onlookers: Onlookers | None = None,
) -> dict[str, Any]:
    """Run SLAM over a source and write the run folder; return the metrics.

    KeyboardInterrupt ends the run early, and any error ends it with that error; what was mapped
    until then is written in both cases.
    """

    def make_systems() -> list[System]:
        places = known_places(config, options.resume)
        tracker = new_tracker(source, config, options, places)
        return [new_system(source, config, tracker, places, options.resume, options)]

    folder = RunFolder(options.out, goes_on=options.earlier is not None)
    with logged_to(folder):
        run_session(source, options, make_systems, folder, lambda system: folder, onlookers)
        return evaluate_run(options.out, recorded(source))


def run_session(
    source: Source | Stream,
    options: RunOptions,
    make_systems: Callable[[], Sequence[System]],
    folder: RunFolder,
    folder_of: Callable[[System], RunFolder],
    onlookers: Onlookers | None,
) -> tuple[Session, dict[str, Any]]:
    """Run systems over a source and write the folder of each, also where an error ends it; return
    the session that was and the metrics that all systems share.
    """
    check_images(source)
    cv2.setNumThreads(1)  # its pool would compete with the kernels for the same cores
    for note in options.notes:
        logger.warning("%s", note)
    logger.info("source %s", source.name)
    logger.info("device %s", options.device.description)
    onlookers = Onlookers() if onlookers is None else onlookers
    saver = MeshSaver(lambda system: folder_of(system).path, onlookers.controls.say)
    watchers = list(onlookers.watchers)
    session = Session(source, make_systems, saver.save, replace(onlookers, watchers=watchers))
    configs = [system.config for system in session.systems]
    warmup_s = warm_up(configs, options.device.kind, onlookers.say)

    def shared() -> dict[str, Any]:
        figures = session_metrics(session, options.source_spec, options.device, warmup_s)
        return figures | {"given_poses": options.use_gt_poses, "begun_with": options.begins_with}

    def write(write_one: Callable[[RunFolder, System, Mapping[str, Any]], None]) -> None:
        common = shared()
        folder.write_all(
            *(
                partial(write_one, folder_of(s), s, common | system_metrics(session, s))
                for s in session.systems
            )
        )

    checkpoints = Checkpoints(configs[0].checkpoint_s, lambda: write(write_checkpoint))
    watchers.append(checkpoints)
    for begun in [folder, *map(folder_of, session.systems)]:
        begun.begin()
    try:
        session.run()
    finally:
        saver.close()
        checkpoints.close()
        write(write_results)
    return session, shared()


def recorded(source: Source | Stream) -> Source | None:
    """Return what evaluation can read again: a stream has passed."""
    return None if isinstance(source, Stream) else source


def check_images(source: Source | Stream) -> None:
    """Refuse images that are too small to track."""
    camera = source.camera
    if min(camera.width, camera.height) < MIN_IMAGE_PX:
        size = f"{camera.width}x{camera.height}"
        raise SlamError(
            f"{source.name}: images of {size} are too small; {MIN_IMAGE_PX} px at least"
        )


def known_places(config: Config, resume: Path | None) -> AnyPlaces:
    """Return the places of a saved map, or none yet."""
    if resume is None:
        return new_places(config.places)
    arrays = arrays_beside(resume, PREFIX)
    with error_context(resume):
        keyframes = keyframes_in(arrays)
    if config.places.enabled and not len(keyframes):
        logger.warning("%s knows no places: start where its own run started", resume)
    return new_places(config.places, keyframes)


def new_tracker(
    source: Source | Stream, config: Config, options: RunOptions, places: AnyPlaces
) -> Tracker:
    """Make the tracker that the options ask for."""
    if not options.use_gt_poses:
        has_map = options.resume is not None
        T_start = None if options.earlier is None else options.earlier.T_last
        # of a saved map's places no views are kept, with which a piece could be joined
        can_move = can_be_moved(config.map, options.device.kind) and not has_map
        pieces = new_pieces(config, places, can_move)
        return dense_tracker(config.tracking, options.device.kind, has_map, places, T_start, pieces)
    truth = source.ground_truth()
    if truth is None or len(truth) == 0:
        raise SlamError(f"{source.name} has no true poses to track with")
    doubt = "" if isinstance(source, Stream) else doubt_about(source, truth, config.playback)
    if doubt:
        logger.warning("%s", doubt)
    return GivenPoses(truth)


def new_system(
    source: Source | Stream,
    config: Config,
    tracker: Tracker,
    places: AnyPlaces,
    resume: Path | None,
    options: RunOptions,
    name: str = "",
) -> System:
    """Make the system that the config names, with an empty map or with a saved one to go on with
    or, left as it is, to localise in. Without a name it is called like the kind of its map.
    """
    device = options.device.kind
    if resume is None:
        map_ = new_map(config, source.depth_noise, device)
    else:
        is_same = options.earlier is not None
        map_, config = resume_map(resume, config, device, is_same_recording=is_same)
    in_turns, unmapped = config.deterministic, HeldOut(config.holdout, config.playback.stride)
    if options.localize_only:
        in_turns, unmapped = True, EVERY_FRAME
    saved = {} if resume is None else arrays_beside(resume, NOISE_PREFIX)
    # the scatter about an inexact map is not the sensor's
    is_learned = config.tracking.learn_noise and not own_sigma_m(map_)
    sensor_noise = SensorNoise(is_learned, saved)
    movers = Movers() if config.tracking.reject_movers else NothingMoves()
    name = name or config.map
    journal = Journal(name, options.earlier)
    can_move = can_be_moved(config.map, device)
    loops = NoLoops() if options.poses_are_given else new_loops(config, places, can_move)
    slam = Slam(
        tracker, map_, in_turns, unmapped, places, sensor_noise, movers, journal, loops,
        new_judge(config, device),
    )  # fmt: skip
    return System(name, config, slam)
