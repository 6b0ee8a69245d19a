"""A source through one or more systems at once: the loop, its clock and its end."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from slam.config import Config, PlaybackConfig
from slam.frame import Frame
from slam.sources.base import Source
from slam.sources.playback import PlaybackCounts, playback
from slam.system import Slam
from slam.viewer.base import MapView, Snapshot
from slam.workers import ReadAhead, StopEvent

logger = logging.getLogger(__name__)
READ_AHEAD_FRAMES = 8


@dataclass(frozen=True)
class System:
    """A tracker and a map, and the config that they were made from."""

    name: str  # of the kind of map
    config: Config
    slam: Slam


@runtime_checkable  # the tests check argument types at run time
class Hands(Protocol):
    """What may hold up, end or start anew a session while it goes on."""

    is_quit: bool

    def wait_until_due(self, stop: StopEvent) -> None:
        """Return when the next frame may be taken, or the session is to end or to start anew."""
        ...

    def take_reset(self) -> bool:
        """Tell, once, that everything is to start anew."""
        ...


class NoHands:
    """Lets a session go its way."""

    is_quit = False

    def wait_until_due(self, stop: StopEvent) -> None:
        """Return at once."""

    def take_reset(self) -> bool:
        """Never."""
        return False


@dataclass
class Session:
    """Feeds every frame of a source to all systems, one after the other, while their maps grow in
    threads of their own.

    `watchers` are called after each frame. When the session starts anew, `make_systems` is asked
    for new ones and the clock begins again.
    """

    source: Source
    playback: PlaybackConfig
    make_systems: Callable[[], Sequence[System]]
    watchers: Sequence[Callable[[Snapshot], None]] = ()
    hands: Hands = field(default_factory=NoHands)
    systems: Sequence[System] = field(init=False)
    counts: PlaybackCounts = field(init=False, default_factory=PlaybackCounts)
    wall_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.systems = self.make_systems()

    def run(self) -> None:
        """Go through the source; KeyboardInterrupt ends it early, any error ends it with that
        error. All threads have ended on return, and what was submitted to the maps is mapped.
        """
        stop = StopEvent()
        frames = playback(self.source, self.playback, self.counts, sleep_s=stop.wait)
        reader = ReadAhead(frames, READ_AHEAD_FRAMES, stop)
        start_s = time.perf_counter()
        num_frames = 0
        try:
            for frame in reader:
                self.hands.wait_until_due(stop)
                if self.hands.is_quit:
                    break
                if self.hands.take_reset():
                    self._start_anew()
                    start_s, num_frames = time.perf_counter(), 0
                num_frames += 1
                self._step(frame, num_frames / (time.perf_counter() - start_s))
        except KeyboardInterrupt:
            logger.warning("interrupted: writing what was mapped so far")
        finally:
            reader.close()
            try:
                self._finish()
            finally:
                self.wall_s = time.perf_counter() - start_s

    def _step(self, frame: Frame, fps: float) -> None:
        views = tuple(
            MapView(system.name, system.slam.map, system.slam.step(frame))
            for system in self.systems
        )
        snapshot = Snapshot(frame, views, fps)
        for watch in self.watchers:
            watch(snapshot)

    def _start_anew(self) -> None:
        self._finish()
        logger.info("starting anew")
        self.systems = self.make_systems()

    def _finish(self) -> None:
        """End the mapping threads, all of them even where one raises."""
        with ExitStack() as stack:
            for system in self.systems:
                stack.callback(system.slam.finish)
