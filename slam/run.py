"""A whole run: a source through tracker and map into a run folder."""

import logging
import platform
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2

from kernels.threads import NUM_THREADS
from slam.config import Config
from slam.errors import SlamError
from slam.evaluation.run import evaluate_run
from slam.holdout import EVERY_FRAME, HeldOut
from slam.maps.base import Map
from slam.maps.factory import new_map, resume_map
from slam.output import RunFolder
from slam.sources.base import Source
from slam.sources.playback import PlaybackCounts, playback
from slam.system import Slam
from slam.tracking.base import Tracker, TrackResult
from slam.tracking.dense import DenseTracker
from slam.tracking.given import GivenPoses
from slam.warmup import warm_up
from slam.workers import ReadAhead, StopEvent

logger = logging.getLogger(__name__)
READ_AHEAD_FRAMES = 8
MIN_IMAGE_PX = 32  # the tracker's smallest image is a sixteenth


@dataclass(frozen=True)
class RunOptions:
    """What a run needs beside its config."""

    out: Path
    source_spec: str
    use_gt_poses: bool = False
    resume: Path | None = None
    localize_only: bool = False


def run(
    source: Source,
    config: Config,
    options: RunOptions,
    on_frame: Callable[[TrackResult, float], None],
) -> dict[str, Any]:
    """Run SLAM over a source and write the run folder; return the metrics.

    `on_frame` gets every result and the frame rate so far. KeyboardInterrupt ends the run early,
    and any error ends it with that error; what was mapped until then is written in both cases.
    """
    camera = source.camera
    if min(camera.width, camera.height) < MIN_IMAGE_PX:
        size = f"{camera.width}x{camera.height}"
        raise SlamError(
            f"{source.name}: images of {size} are too small; {MIN_IMAGE_PX} px at least"
        )
    if options.localize_only and options.resume is None:
        raise SlamError("--localize-only needs the map to localise in: give --resume MAP")
    folder = RunFolder(options.out)
    cv2.setNumThreads(1)  # its pool would compete with the kernels for the same cores
    with _logged_to(folder):
        logger.info("source %s, %d frames", source.name, len(source.timestamps_s))
        if options.resume is None:
            map_ = new_map(config, source.depth_noise)
        else:
            map_, config = resume_map(options.resume, config)
        warmup_s = warm_up(config)
        tracker = _tracker(source, config, options)
        unmapped = HeldOut(config.holdout, config.playback.stride)
        if options.localize_only:
            slam = Slam(tracker, map_, deterministic=True, unmapped=EVERY_FRAME)
        else:
            slam = Slam(tracker, map_, config.deterministic, unmapped)
        counts = PlaybackCounts()
        start_s = time.perf_counter()
        try:
            _loop(slam, source, config, counts, on_frame)
        except KeyboardInterrupt:
            logger.warning("interrupted: writing what was mapped so far")
        finally:
            wall_s = time.perf_counter() - start_s
            metrics = {"source": options.source_spec, "map": config.map}
            metrics |= _metrics(slam, map_, counts, wall_s, warmup_s)
            _write(folder, config, slam, map_, metrics)
        return evaluate_run(options.out, source)


def _loop(
    slam: Slam,
    source: Source,
    config: Config,
    counts: PlaybackCounts,
    on_frame: Callable[[TrackResult, float], None],
) -> None:
    """Feed every frame to the system; always end the threads."""
    stop = StopEvent()
    frames = playback(source, config.playback, counts, sleep_s=stop.wait)
    reader = ReadAhead(frames, READ_AHEAD_FRAMES, stop)
    start_s = time.perf_counter()
    try:
        for number, frame in enumerate(reader, start=1):
            result = slam.step(frame)
            on_frame(result, number / (time.perf_counter() - start_s))
    finally:
        reader.close()
        slam.finish()


def _tracker(source: Source, config: Config, options: RunOptions) -> Tracker:
    if not options.use_gt_poses:
        return DenseTracker(config.tracking, has_map=options.resume is not None)
    truth = source.ground_truth()
    if truth is None or len(truth) == 0:
        raise SlamError(f"--use-gt-poses: {source.name} has no true poses")
    return GivenPoses(truth)


@contextmanager
def _logged_to(folder: RunFolder) -> Iterator[None]:
    """Send the log to the run folder too."""
    handler = folder.log_handler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def _write(
    folder: RunFolder, config: Config, slam: Slam, map_: Map, metrics: dict[str, Any]
) -> None:
    """Write everything; what fails does not keep the rest from being written."""
    folder.write_all(
        lambda: folder.write_config(config),
        lambda: folder.write_trajectory(slam.trajectory()),
        lambda: folder.write_online_trajectory(slam.online_trajectory()),
        lambda: folder.write_frames(slam.records()),
        lambda: folder.write_metrics(metrics),
        lambda: folder.write_mesh(map_.mesh()),
        lambda: map_.save(folder.map_path()),
    )


def _metrics(
    slam: Slam,
    map_: Map,
    counts: PlaybackCounts,
    wall_s: float,
    warmup_s: float,
) -> dict[str, Any]:
    num_frames = len(slam.tracking_times.values_ms)
    return {
        "frames": num_frames,
        "tracked": num_frames - slam.num_lost,
        "lost": slam.num_lost,
        "weak": slam.num_weak,
        "final_state": slam.last_state.value,
        "dropped": counts.dropped,
        "bad_frames": len(counts.bad),
        "wall_s": wall_s,
        "warmup_s": warmup_s,
        "fps": num_frames / wall_s,
        "tracking_ms": slam.tracking_times.summary(),
        "mapping_ms": slam.mapping_times.summary(),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "map_mb": map_.nbytes / 1e6,
        "refused_frames": map_.num_refused,
        "device": f"cpu, {NUM_THREADS} threads",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions that a figure depends on."""
    found = {"python": platform.python_version()}
    for name in ("twinmap", "numpy", "numba", "opencv-python"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
