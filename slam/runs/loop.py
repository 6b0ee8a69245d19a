"""A source through one or more systems at once: the loop, its clock and its end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from slam.config import Config, PlaybackConfig
from slam.control.controls import Controls, Status
from slam.frame import Frame
from slam.sources.base import Outage, Source, Stream
from slam.sources.playback import PlaybackCounts, num_selected, playback, rest_of
from slam.system import Slam
from slam.viewer.base import MapView, NoViewer, Snapshot, Viewer
from slam.workers import ReadAhead, StopEvent

logger = logging.getLogger(__name__)
READ_AHEAD_FRAMES = 8  # of a camera: as many come while the first ones are mapped


@dataclass(frozen=True)
class System:
    """A tracker and a map, and the config that they were made from."""

    name: str  # of the kind of map, with its own settings if it has any
    config: Config
    slam: Slam


@dataclass(frozen=True)
class Onlookers:
    """Who takes part in a session beside its systems.

    `watchers` are called after each frame, and may raise to end it; the viewer gets the same, and
    shows its last view when all is mapped. `say` shows the user a line.
    """

    watchers: Sequence[Callable[[Snapshot], None]] = ()
    viewer: Viewer = field(default_factory=NoViewer)
    controls: Controls = field(default_factory=Controls)
    say: Callable[[str], None] = logger.info


@dataclass
class Session:
    """Feeds every frame of a source to all systems, one after the other, while their maps grow in
    threads of their own.

    `save` is called when the controls ask for the meshes. When they ask to start anew,
    `make_systems` is called again, and the clock begins again.
    """

    source: Source | Stream
    make_systems: Callable[[], Sequence[System]]
    save: Callable[[Sequence[System]], None]
    onlookers: Onlookers
    systems: Sequence[System] = field(init=False)
    counts: PlaybackCounts = field(init=False, default_factory=PlaybackCounts)
    num_frames: int = field(init=False, default=0)
    wall_s: float = field(init=False, default=0.0)  # pauses and polishing are not counted
    polish_s: dict[str, float] = field(init=False, default_factory=dict)  # by the system's name

    def __post_init__(self) -> None:
        self.systems = self.make_systems()
        done = self.systems[0].slam.journal.earlier.records  # of all systems the same frames
        self._playback: PlaybackConfig | None = self.systems[0].config.playback
        if done and self._playback is not None:
            source = self.source
            num_frames = None if isinstance(source, Stream) else len(source.timestamps_s)
            self._playback = rest_of(self._playback, done[-1].index, num_frames)
        self._controls = self.onlookers.controls
        self._start_s = 0.0
        self._num_taken = 0  # also before a reset
        self._is_dropping_told = False

    def run(self) -> None:
        """Go through the source; KeyboardInterrupt ends it early, any error ends it with that
        error. All threads have ended on return, and what was submitted to the maps is mapped.
        """
        stop = StopEvent()
        now_s = self._controls.now_s
        frames = self._frames(now_s, stop)
        is_live = isinstance(self.source, Stream) and self.source.is_live
        self._start_s = now_s()
        self._controls.begin()
        reader = ReadAhead(
            frames, READ_AHEAD_FRAMES, stop, is_live, is_over=lambda: self._controls.is_quit
        )
        is_whole = False
        try:
            for frame in reader:
                if isinstance(frame, Outage):
                    self._interrupt(frame)
                    if self._controls.is_quit:
                        break
                    continue
                while not self._controls.wait_until_due(stop):
                    self._take_requests()
                if self._controls.is_quit:
                    break
                self._step(frame)
                self._tell_dropped(self.counts.dropped + reader.num_dropped)
            if self._controls.is_quit:
                by = self._controls.quit_by
                logger.warning("ended by %s: writing what was mapped so far", by)
            is_whole = True
        except KeyboardInterrupt:
            logger.warning("interrupted: writing what was mapped so far")
        finally:
            reader.close()
            self.counts.dropped += reader.num_dropped
            with ExitStack() as stack:
                stack.callback(self.onlookers.viewer.finish)
                try:
                    self._finish()
                finally:
                    self.wall_s = now_s() - self._start_s
                if is_whole:
                    self._polish()

    def _frames(self, now_s: Callable[[], float], stop: StopEvent) -> Iterator[Frame | Outage]:
        if self._playback is None:
            return iter(())
        return playback(self.source, self._playback, self.counts, now_s, stop.wait)

    def _tell_dropped(self, num_dropped: int) -> None:
        if num_dropped and not self._is_dropping_told:
            self._is_dropping_told = True
            logger.warning("frames come faster than they are tracked: the oldest are dropped")

    def _interrupt(self, outage: Outage) -> None:
        for system in self.systems:
            system.slam.interrupt(outage.reason)
        self._take_requests()

    def _take_requests(self) -> None:
        if self._controls.take_save():
            self.save(self.systems)
        if self._controls.take_reset():
            self._finish()
            self.systems = ()  # their maps' memory is free before new ones ask for it
            self.systems = self.make_systems()
            self.num_frames, self._start_s = 0, self._controls.now_s()
            self._controls.publish({})
            self._controls.say("started anew")

    def _step(self, frame: Frame) -> None:
        views = tuple(
            MapView(system.name, system.slam.map, system.slam.step(frame), system.slam.loops)
            for system in self.systems
        )
        if self._num_taken == 0:
            logger.info("first frame: %d", frame.index)
        self.num_frames += 1
        self._num_taken += 1
        self.wall_s = self._controls.now_s() - self._start_s
        fps = self.num_frames / self.wall_s
        snapshot = Snapshot(frame, views, fps)
        for watch in self.onlookers.watchers:
            watch(snapshot)
        self.onlookers.viewer.show(snapshot)
        self._controls.publish(self._status(snapshot))

    def _status(self, snapshot: Snapshot) -> Status:
        return Status(
            frame_index=snapshot.frame.index,
            number=self._num_taken,
            num_frames=self._playback and num_selected(self.source, self._playback),
            fps=snapshot.fps,
            maps=[
                {
                    "name": view.name,
                    "state": view.result.state.value,
                    "residual_mm": 1e3 * view.result.residual_m,
                    "map_mb": view.map.nbytes / 1e6,
                }
                for view in snapshot.systems
            ],
        )

    def _polish(self) -> None:
        """Let the maps do what they have left for the end, unless a signal is in a hurry."""
        with suppress(KeyboardInterrupt):
            for system in self.systems:
                took_s = system.slam.polish(lambda: self._controls.is_hurried)
                self.polish_s[system.name] = took_s

    def _finish(self) -> None:
        """End the mapping threads, all of them even where one raises."""
        with ExitStack() as stack:
            for system in self.systems:
                stack.callback(system.slam.finish)
