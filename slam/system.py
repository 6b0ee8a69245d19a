"""The whole method: one frame in, one pose out, the map updated beside it."""

import logging
import time
from collections.abc import Callable, Container
from dataclasses import replace
from types import TracebackType
from typing import Any

from kernels.threads import SharedThreads
from slam.camera import DepthNoise
from slam.config import Config
from slam.device import DeviceChoice, resolve
from slam.frame import Frame, FrameGate, PosedFrame
from slam.graph.factory import new_loops, new_pieces
from slam.graph.graph import Graph
from slam.graph.loops import AnyLoops
from slam.graph.moving import Moving, Swap
from slam.graph.no_loops import NoLoops
from slam.journal import FrameRecord, Journal
from slam.maps.base import Map, Mendable, Polishable, own_sigma_m, tracked_map
from slam.places.memory import AnyPlaces, NoPlaces, new_places
from slam.sources.holdout import HeldOut
from slam.tracking.astray import Astray
from slam.tracking.base import Tracker, TrackResult, TrackState
from slam.tracking.judge import Judge, NoJudge, new_judge
from slam.tracking.movers import Movers, NothingMoves
from slam.tracking.moving_pixels import without
from slam.tracking.sensor_noise import SensorNoise
from slam.trajectory import Trajectory, moved_with_keyframes
from slam.workers import Worker

logger = logging.getLogger(__name__)
NUM_FIRST_FRAMES = 3


class Slam:
    """A tracker and a map, fed with one frame after another.

    The mapping thread works on a frame while the next is tracked; `deterministic` waits for it
    instead, so that the same input gives the same bits. The map is left alone unless the pose is
    OK, and by the frames whose indices are `unmapped`; the `places`, which the tracker asks, grow
    with it. In a `with` block `finish` and `polish` are called at its end; after that it takes no
    more frames.
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
        journal: Journal | None = None,
        loops: AnyLoops | None = None,
        judge: Judge | NoJudge | None = None,
    ) -> None:
        self.map = map_
        self.sensor_noise = sensor_noise or SensorNoise(is_learned=False)
        self._movers = movers or NothingMoves()
        self._judge = judge or NoJudge()
        self.places = places or NoPlaces()
        self.loops = loops or NoLoops()
        self._moving = Moving(self.loops, map_)
        self.journal = journal or Journal()
        self._tracker = tracker
        self._unmapped = unmapped
        self._gate = FrameGate()
        self._max_pending = 0 if deterministic else 1
        self._astray = Astray()
        self._threads = SharedThreads(in_turns=deterministic)
        self._mapper = Worker(self._integrate, "mapper", self._threads.be_second)

    @classmethod
    def from_config(
        cls, config: Config, depth_noise: DepthNoise, device: DeviceChoice = "auto"
    ) -> "Slam":
        """Make the system that `slam run` makes of a config: the dense tracker and an empty map."""
        from slam.maps.factory import can_be_moved, new_map
        from slam.tracking.factory import dense_tracker

        chosen = resolve(device, config, [config.map])
        logger.info("device %s", chosen.description)
        places = new_places(config.places)
        can_move = can_be_moved(config.map, chosen.kind)
        pieces = new_pieces(config, places, can_move)
        tracker = dense_tracker(config.tracking, chosen.kind, recogniser=places, pieces=pieces)
        map_ = new_map(config, depth_noise, chosen.kind)
        unmapped = HeldOut(config.holdout, config.playback.stride)
        # the scatter about an inexact map is not the sensor's
        sensor_noise = SensorNoise(config.tracking.learn_noise and not own_sigma_m(map_))
        movers = Movers() if config.tracking.reject_movers else NothingMoves()
        loops, judge = new_loops(config, places, can_move), new_judge(config, chosen.kind)
        return cls(
            tracker, map_, config.deterministic, unmapped, places, sensor_noise, movers,
            loops=loops, judge=judge,
        )  # fmt: skip

    def __enter__(self) -> "Slam":
        self._check_open()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.finish()
            self.polish()
        else:
            self._mapper.close()  # what the map raised must not hide what the block raised
            self.loops.close()

    def step(self, frame: Frame) -> TrackResult:
        """Track a frame and hand it to the map; a live one that comes while the map is behind is
        only tracked.

        Raises:
            ValueError: the frame is none that can be tracked, or does not follow the one before.
            RuntimeError: it is finished.
        """
        self._check_open()
        frame = self._gate.passed(frame)
        is_behind = self._wait_for_map(frame)
        self._take_move()
        with self._threads.first(), self.journal.tracking_times.measure():
            frame = self._judge.judged(self.sensor_noise.corrected(frame))
            frame = self._movers.left_out(frame)
            result = self._tracker.track(frame, self.map)
            if result.moving is not None:
                frame = replace(frame, depth_m=without(frame.depth_m, result.moving))
            self._learn(frame, result)
        is_mapped = self._is_to_be_mapped(frame, result, is_behind)
        self.journal.note(frame, result, is_mapped, self.map)
        astray_m = self._astray.taken(result, is_mapped)
        if is_mapped:
            T_world_camera, uncertainty_m = result.T_world_camera, result.uncertainty_m
            self._mapper.submit(PosedFrame(frame, T_world_camera, uncertainty_m, astray_m))
            if result.begins_piece:
                self._mapper.wait(0)  # there is nothing else to track against
        return result

    def _check_open(self) -> None:
        if self._mapper.is_closed:
            raise RuntimeError(
                "this Slam is finished (its `with` block is over, or `finish` was called): "
                "make a new one"
            )

    def _wait_for_map(self, frame: Frame) -> bool:
        """Wait until the map is no further behind than it may be; of a live frame, whose camera
        waits for nobody, return whether it is.
        """
        is_first = self.journal.num_frames <= NUM_FIRST_FRAMES
        is_live = frame.arrival_s is not None and self._max_pending > 0
        if is_first or not is_live:
            # the first frames are waited for: there is nothing to track against before
            self._mapper.wait(0 if is_first else self._max_pending)
        return self._mapper.num_pending > self._max_pending

    def _take_move(self) -> None:
        """Take over a map that loops have moved, and go on in its world."""
        if self._moving.is_ready:
            self._mapper.wait(0)
            move, changed = self._moving.swap()
            self._tracker.moved(move.T_now)
            self._movers.moved(move.T_now)
            self._tell_moved((move, changed))

    def _tell_moved(self, swap: Swap) -> None:
        num_told = len(self.loops.moves)
        self.loops.moved(*swap, self.journal.last_index)
        for moved in self.loops.moves[num_told:]:
            self.journal.tell_moved(moved.largest_m, moved.has_joined)

    def _learn(self, frame: Frame, result: TrackResult) -> None:
        if result.state is TrackState.OK:
            self.sensor_noise.observe(frame, tracked_map(self.map).query, result.T_world_camera)
        self._movers.remember(result)

    def _is_to_be_mapped(self, frame: Frame, result: TrackResult, is_behind: bool) -> bool:
        is_due = result.state is TrackState.OK and frame.index not in self._unmapped
        self.journal.num_unmapped += is_due and is_behind
        return is_due and not is_behind

    def interrupt(self, reason: str) -> None:
        """Take note that no frame comes: the pose is lost until one does, and the map is left."""
        self.journal.interrupt(reason)

    def finish(self) -> None:
        """Map what is still queued and end the threads; raise what they raised."""
        self._mapper.close()
        try:
            self._mapper.wait(0)
        finally:
            self.loops.close()
        self.loops.finish()

    def polish(self, is_over: Callable[[], bool] = lambda: False) -> float:
        """After `finish`, move the map to where loops have it, and let one that was added to do
        what it has left for the time after the last frame; return the seconds that it took.
        """
        start_s = time.perf_counter()
        while (swap := self._moving.finish()) is not None:
            self._tell_moved(swap)
        if isinstance(self.map, Mendable):
            changed = self.map.mend(self.loops.views(), is_over)
            self.loops.mended(changed, self.journal.last_index)
        if isinstance(self.map, Polishable) and self.journal.mapping_times.values_ms:
            self.map.polish(is_over)
        return time.perf_counter() - start_s

    def _integrate(self, posed: PosedFrame) -> None:
        with self.journal.mapping_times.measure():
            self.map.integrate(posed.frame, posed.T_world_camera)
            keyframe = self.places.remember(posed.frame, posed.T_world_camera)
            self.loops.follow(posed, keyframe)
            self._moving.advance()

    def trajectory(self) -> Trajectory:
        """Return the poses of all frames that were tracked, as map and loops refined them by
        now.
        """
        indices, online = self.journal.online()
        moved = moved_with_keyframes(indices, online.Ts_world_camera, self.map.refined_poses())
        corrected = self.loops.corrections.applied(indices, moved)
        final = Trajectory(online.timestamps_s, corrected)
        return self.journal.earlier.trajectory.followed_by(final)

    def online_trajectory(self) -> Trajectory:
        """Return the poses of all frames that were tracked, as they were tracked."""
        return self.journal.earlier.online.followed_by(self.journal.online()[1])

    def graph(self) -> Graph:
        """Return the pose graph as it is by now, behind that of an earlier run."""
        return self.journal.earlier.graph.followed_by(self.loops.graph())

    def loop_metrics(self) -> dict[str, Any]:
        """Return what metrics say of the loops, those of an earlier run included."""
        own = self.loops.metrics()
        return own and own | self.graph().counts()

    def records(self) -> list[FrameRecord]:
        """Return the table of all frames; times of mapping are known of what is mapped by now."""
        return self.journal.records()
