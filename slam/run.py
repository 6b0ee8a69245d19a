"""A whole run: a source through tracker and map into a run folder."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from slam.config import Config
from slam.errors import SlamError
from slam.evaluation.run import evaluate_run
from slam.holdout import EVERY_FRAME, HeldOut
from slam.maps.factory import new_map, resume_map
from slam.output import RunFolder
from slam.results import logged_to, session_metrics, system_metrics, write_results
from slam.session import Hands, NoHands, Session, System
from slam.sources.base import Source
from slam.system import Slam
from slam.tracking.base import Tracker
from slam.tracking.dense import DenseTracker
from slam.tracking.given import GivenPoses
from slam.viewer.base import Snapshot
from slam.warmup import warm_up

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

    def __post_init__(self) -> None:
        if self.localize_only and self.resume is None:
            raise SlamError("--localize-only needs the map to localise in: give --resume MAP")


def run(
    source: Source,
    config: Config,
    options: RunOptions,
    watchers: Sequence[Callable[[Snapshot], None]] = (),
    hands: Hands | None = None,
) -> dict[str, Any]:
    """Run SLAM over a source and write the run folder; return the metrics.

    KeyboardInterrupt ends the run early, and any error ends it with that error; what was mapped
    until then is written in both cases.
    """
    check_images(source)
    folder = RunFolder(options.out)
    cv2.setNumThreads(1)  # its pool would compete with the kernels for the same cores
    with logged_to(folder):
        logger.info("source %s, %d frames", source.name, len(source.timestamps_s))

        def make_systems() -> list[System]:
            tracker = new_tracker(source, config, options)
            return [new_system(source, config, tracker, options.resume, options.localize_only)]

        session = Session(source, config.playback, make_systems, watchers, hands or NoHands())
        warmup_s = warm_up(config)
        try:
            session.run()
        finally:
            (system,) = session.systems
            metrics = session_metrics(session, options.source_spec, warmup_s)
            write_results(folder, system, metrics | system_metrics(session, system))
        return evaluate_run(options.out, source)


def check_images(source: Source) -> None:
    """Refuse images that are too small to track."""
    camera = source.camera
    if min(camera.width, camera.height) < MIN_IMAGE_PX:
        size = f"{camera.width}x{camera.height}"
        raise SlamError(
            f"{source.name}: images of {size} are too small; {MIN_IMAGE_PX} px at least"
        )


def new_tracker(source: Source, config: Config, options: RunOptions) -> Tracker:
    """Make the tracker that the options ask for."""
    if not options.use_gt_poses:
        return DenseTracker(config.tracking, has_map=options.resume is not None)
    truth = source.ground_truth()
    if truth is None or len(truth) == 0:
        raise SlamError(f"{source.name} has no true poses to track with")
    return GivenPoses(truth)


def new_system(
    source: Source, config: Config, tracker: Tracker, resume: Path | None, localize_only: bool
) -> System:
    """Make the system that the config names, with an empty map or with a saved one to go on with
    or, left as it is, to localise in.
    """
    if resume is None:
        map_ = new_map(config, source.depth_noise)
    else:
        map_, config = resume_map(resume, config)
    if localize_only:
        slam = Slam(tracker, map_, deterministic=True, unmapped=EVERY_FRAME)
    else:
        unmapped = HeldOut(config.holdout, config.playback.stride)
        slam = Slam(tracker, map_, config.deterministic, unmapped)
    return System(config.map, config, slam)
