"""The whole method: one frame in, one pose out, the map updated beside it."""

import logging
import time
from collections.abc import Container
from dataclasses import dataclass
from math import nan
from types import TracebackType

import numba
import numpy as np

from kernels.threads import share_threads
from slam.camera import DepthNoise
from slam.config import Config
from slam.device import DeviceChoice, resolve
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.places.memory import AnyPlaces, NoPlaces, new_places
from slam.runs.folder import FrameRecord
from slam.sources.holdout import HeldOut
from slam.timing import StageTimes
from slam.tracking.base import Tracker, TrackResult, TrackState
from slam.tracking.movers import Movers, NothingMoves
from slam.tracking.sensor_noise import SensorNoise
from slam.trajectory import Trajectory, moved_with_keyframes
from slam.workers import Worker

logger = logging.getLogger(__name__)
NUM_FIRST_FRAMES = 3


@dataclass(frozen=True)
class PosedFrame:
    """What the mapping thread takes."""

    frame: Frame
    T_world_camera: Transform


@dataclass(frozen=True)
class _TrackedFrame:
    index: int
    timestamp_s: float
    result: TrackResult
    is_mapped: bool
    map_bytes: int


class Slam:
    """A tracker and a map, fed with one frame after another.

    The mapping thread works on a frame while the next is tracked; `deterministic` waits for it
    instead, so that the same input gives the same bits. The map is left alone unless the pose is
    OK, and by the frames whose indices are `unmapped`; the `places`, which the tracker asks, grow
    with it. In a `with` block `finish` is called at its end.
    """

    def __init__(
        self,
        tracker: Tracker,
        map_: Map,
        deterministic: bool = False,
        unmapped: Container[int] = (),
        places: AnyPlaces | None = None,
        sensor_noise: SensorNoise | None = None,
        movers: Movers | NothingMoves | None = None,
    ) -> None:
        self.map = map_
        self.sensor_noise = sensor_noise or SensorNoise(is_learned=False)
        self._movers = movers or NothingMoves()
        self.places = places or NoPlaces()
        self.tracking_times = StageTimes()
        self.mapping_times = StageTimes()
        self.latencies = StageTimes()  # of live frames, from their arrival to their pose
        self.num_lost = 0
        self.num_weak = 0
        self.last_state = TrackState.LOST
        self.num_outages = 0
        self.num_unmapped = 0  # live frames that the map had no time for
        self.interruption: str | None = None  # why no frame comes
        self._tracker = tracker
        self._unmapped = unmapped
        self._max_pending = 0 if deterministic else 1
        self._frames: list[_TrackedFrame] = []
        tracking_threads, mapping_threads = share_threads(in_turns=deterministic)
        numba.set_num_threads(tracking_threads)
        self._mapper = Worker(self._integrate, mapping_threads)

    @classmethod
    def from_config(
        cls, config: Config, depth_noise: DepthNoise, device: DeviceChoice = "auto"
    ) -> "Slam":
        """Make the system that `slam run` makes of a config: the dense tracker and an empty map."""
        from slam.maps.factory import new_map
        from slam.tracking.factory import dense_tracker

        chosen = resolve(device, config, [config.map])
        logger.info("device %s", chosen.description)
        places = new_places(config.places)
        tracker = dense_tracker(config.tracking, chosen.kind, recogniser=places)
        map_ = new_map(config, depth_noise, chosen.kind)
        unmapped = HeldOut(config.holdout, config.playback.stride)
        sensor_noise = SensorNoise(config.tracking.learn_noise)
        movers = Movers() if config.tracking.reject_movers else NothingMoves()
        return cls(tracker, map_, config.deterministic, unmapped, places, sensor_noise, movers)

    def __enter__(self) -> "Slam":
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
        else:
            self._mapper.close()  # what the map raised must not hide what the block raised

    def step(self, frame: Frame) -> TrackResult:
        """Track a frame and hand it to the map; a live one that comes while the map is behind is
        only tracked.
        """
        is_first = len(self._frames) <= NUM_FIRST_FRAMES
        is_live = frame.arrival_s is not None and self._max_pending > 0
        if is_first or not is_live:
            # the first frames are waited for: there is nothing to track against before
            self._mapper.wait(0 if is_first else self._max_pending)
        is_behind = self._mapper.num_pending > self._max_pending
        with self.tracking_times.measure():
            frame = self._movers.left_out(self.sensor_noise.corrected(frame))
            result = self._tracker.track(frame, self.map)
            if result.state is TrackState.OK:
                self.sensor_noise.observe(frame, self.map.query, result.T_world_camera)
            self._movers.remember(result)
        self.interruption = None
        if frame.arrival_s is not None:
            self.latencies.values_ms.append(1e3 * (time.monotonic() - frame.arrival_s))
        is_due = result.state is TrackState.OK and frame.index not in self._unmapped
        is_mapped = is_due and not is_behind
        self.num_unmapped += is_due and is_behind
        self._record(frame, result, is_mapped)
        if is_mapped:
            self._mapper.submit(PosedFrame(frame, result.T_world_camera))
        return result

    def interrupt(self, reason: str) -> None:
        """Take note that no frame comes: the pose is lost until one does, and the map is left."""
        if self.interruption is None:
            self.num_outages += 1
            logger.warning("LOST: %s", reason)
        self.last_state = TrackState.LOST
        self.interruption = reason

    def finish(self) -> None:
        """Map what is still queued and end the mapping thread; raise what it raised."""
        self._mapper.close()
        self._mapper.wait(0)

    def _integrate(self, posed: PosedFrame) -> None:
        with self.mapping_times.measure():
            self.map.integrate(posed.frame, posed.T_world_camera)
            self.places.remember(posed.frame, posed.T_world_camera)

    def _record(self, frame: Frame, result: TrackResult, is_mapped: bool) -> None:
        self.num_lost += result.state is TrackState.LOST
        self.num_weak += result.state is TrackState.WEAK
        self.last_state = result.state
        self._frames.append(
            _TrackedFrame(frame.index, frame.timestamp_s, result, is_mapped, self.map.nbytes)
        )

    def trajectory(self) -> Trajectory:
        """Return the poses of all frames that were tracked, as the map refined them; call it after
        `finish`.
        """
        online = self.online_trajectory()
        indices = [f.index for f in self._tracked()]
        refined = self.map.refined_poses()
        return Trajectory(
            online.timestamps_s, moved_with_keyframes(indices, online.Ts_world_camera, refined)
        )

    def online_trajectory(self) -> Trajectory:
        """Return the poses of all frames that were tracked, as they were tracked."""
        tracked = self._tracked()
        return Trajectory(
            np.array([f.timestamp_s for f in tracked], dtype=np.float64),
            np.array([f.result.T_world_camera for f in tracked]).reshape(-1, 4, 4),
        )

    def _tracked(self) -> list[_TrackedFrame]:
        return [f for f in self._frames if f.result.state is not TrackState.LOST]

    def records(self) -> list[FrameRecord]:
        """Return the table of all frames; call it after `finish`."""
        mapping_ms = iter(self.mapping_times.values_ms)
        return [
            FrameRecord(
                index=f.index,
                timestamp_s=f.timestamp_s,
                state=f.result.state,
                tracking_ms=tracking_ms,
                mapping_ms=next(mapping_ms, nan) if f.is_mapped else nan,
                residual_m=f.result.residual_m,
                inlier_ratio=f.result.inlier_ratio,
                conditioning=f.result.conditioning,
                map_mb=f.map_bytes / 1e6,
            )
            for f, tracking_ms in zip(self._frames, self.tracking_times.values_ms, strict=True)
        ]
