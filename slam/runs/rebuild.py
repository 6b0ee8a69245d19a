"""Fusing recordings again at poses that are known by now: what a map would be had they been known
from the start.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from slam.config import Config, without_time_budget
from slam.device import Device
from slam.errors import SlamError
from slam.geometry import Transform
from slam.journal import FrameRecord
from slam.maps.base import Map
from slam.maps.factory import arrays_beside, new_map
from slam.places.memory import AnyPlaces, new_places
from slam.report.finished_run import evaluate_run
from slam.runs.finished import Run, load_run
from slam.runs.folder import RunFolder
from slam.runs.metrics import logged_to, write_meshes
from slam.runs.pieces import largest_first
from slam.runs.replay import posed_records, replay
from slam.sources.base import Source
from slam.sources.detect import is_stream, open_source
from slam.sources.holdout import HeldOut
from slam.system import Slam
from slam.tracking.base import TrackState
from slam.tracking.given import KnownPoses
from slam.tracking.judge import new_judge
from slam.tracking.movers import Movers, NothingMoves
from slam.tracking.sensor_noise import NOISE_PREFIX, SensorNoise

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """A finished run, its recording, and those of its frames that its map is made of."""

    path: Path
    run: Run
    source: Source

    def in_all_pieces(self) -> "Recording":
        """Return the same with the pieces of its trajectory in one, as they are in its map."""
        return replace(self, run=replace(self.run, trajectory=self.run.poses(), apart=()))

    def records(self) -> list[FrameRecord]:
        """Return the frames whose poses are sure, but for those that were kept from the map."""
        held_out = HeldOut(self.run.config.holdout, self.run.config.playback.stride)
        return [
            record
            for record, _ in posed_records(self.run, self.run.frames)
            if record.state is TrackState.OK and record.index not in held_out
        ]


@dataclass(frozen=True)
class Fused:
    """A map, and the places that were seen on the way."""

    map: Map
    places: AnyPlaces
    sensor_noise: SensorNoise  # of the last recording


def rebuild(
    path: Path, spec: str | None, device: Device, begin: Callable[[int], Callable[[], None]]
) -> dict[str, Any]:
    """Fuse the recording of a run again at its final poses, and replace its map, mesh and report;
    return its metrics.

    `spec` says where the recording is now, None where it was. `begin` gets the number of frames and
    returns what is called after each. Whatever ends this early leaves the run as it was.
    """
    recording = opened(path, spec).in_all_pieces()
    folder = RunFolder(path, goes_on=True)
    with logged_to(folder):
        logger.info("rebuild: fused again at the final poses")
        fused = fuse([recording], recording.run.config, device, begin)
        write_fused(folder, fused, list(largest_first(recording.run.trajectory)))
        was = load_run(path).metrics
        folder.write_metrics(was | figures(fused) | {"rebuilt": True})
        return evaluate_run(path, recording.source)


def opened(path: Path, spec: str | None = None) -> Recording:
    """Open a finished run with its recording; SlamError unless the one alone makes the other."""
    run = load_run(path)
    begun_with, spec = run.metrics.get("begun_with"), spec or str(run.metrics.get("source"))
    if begun_with is not None:
        raise SlamError(
            f"{path} went on with the map {begun_with}: its own recording does not make its map"
        )
    if is_stream(spec):
        raise SlamError(f"{path} is of {spec}, a stream, which cannot be read again")
    if not run.frames:
        raise SlamError(f"{path} has no frames.csv, which says what its map is made of")
    try:
        recording = Recording(path, run, open_source(spec, run.config))
    except SlamError as error:
        raise SlamError(f"the recording of {path} is gone: {error}; --source names it") from error
    if not recording.records():
        raise SlamError(f"no frame of {path} was tracked: there is nothing to fuse")
    return recording


def fuse(
    recordings: Sequence[Recording],
    config: Config,
    device: Device,
    begin: Callable[[int], Callable[[], None]],
) -> Fused:
    """Fuse recordings, one after the other, into a new map, as the config has it but without a time
    budget and without moving a pose; their trajectories are in one world.
    """
    cv2.setNumThreads(1)  # its pool would compete with the kernels for the same cores
    config = without_time_budget(config)
    config = replace(config, neural=replace(config.neural, adjust_poses=False))
    map_ = new_map(config, recordings[0].source.depth_noise, device.kind)
    places = new_places(config.places)
    frames = [recording.records() for recording in recordings]
    done = begin(sum(map(len, frames)))
    sensor_noise = SensorNoise(is_learned=False)
    for recording, records in zip(recordings, frames, strict=True):
        sensor_noise = _sensor_noise(recording)
        movers = Movers() if config.tracking.reject_movers else NothingMoves()
        poses: dict[int, Transform] = {}
        with Slam(
            KnownPoses(poses), map_, config.deterministic, (), places, sensor_noise, movers,
            judge=new_judge(config, device.kind),
        ) as slam:  # fmt: skip
            for frame, T_world_camera in replay(recording.run, recording.source, records):
                poses[frame.index] = T_world_camera
                slam.step(frame)
                done()
    return Fused(map_, places, sensor_noise)


def write_fused(folder: RunFolder, fused: Fused, pieces: Sequence[int] = (0,)) -> None:
    """Write map and mesh, of each piece its own."""
    beside = fused.places.arrays() | fused.sensor_noise.arrays()
    folder.write_all(
        lambda: write_meshes(folder, fused.map.mesh(), pieces),
        partial(fused.map.save, folder.map_path(), beside),
    )


def figures(fused: Fused) -> dict[str, Any]:
    """Return what metrics say of a map."""
    return {
        "keyframes": fused.places.num_keyframes,
        "map_mb": fused.map.nbytes / 1e6,
        "refused_frames": fused.map.num_refused,
    }


def _sensor_noise(recording: Recording) -> SensorNoise:
    """Return the noise that the run has learned of its sensor, to be used from the first frame."""
    is_learned = recording.run.config.tracking.learn_noise
    path = recording.run.map_path
    saved = {} if path is None else arrays_beside(path, NOISE_PREFIX)
    return SensorNoise(is_learned, saved)
