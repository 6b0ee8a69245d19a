"""What a run tells its viewer, frame by frame."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from slam.frame import Frame
from slam.graph.loops import AnyLoops
from slam.graph.no_loops import NoLoops
from slam.maps.base import Map
from slam.tracking.base import TrackResult


@dataclass(frozen=True)
class MapView:
    """One of the systems that a frame went through.

    The map is the living one: it may be rendered and queried while its mapping thread goes on. So
    are the loops. A system that starts anew has another map.
    """

    name: str  # of the system
    map: Map
    result: TrackResult
    loops: AnyLoops = field(default_factory=NoLoops)


@dataclass(frozen=True)
class Snapshot:
    """A frame and what every system made of it."""

    frame: Frame
    systems: tuple[MapView, ...]
    fps: float  # frames over the time of the run so far


@runtime_checkable
class Viewer(Protocol):
    """Shows a run. It may leave out views, never hold up the run."""

    def show(self, snapshot: Snapshot) -> None:
        """Take the newest frame; returns at once. Called once a frame."""
        ...

    def finish(self) -> None:
        """Show the maps as they are in the end, and let go of the run within seconds."""
        ...

    @property
    def is_watched(self) -> bool:
        """Whether someone still looks at what this process serves."""
        ...

    def close(self) -> None:
        """Finish, and serve no more; a window of its own stays open."""
        ...


class NoViewer:
    """Shows nothing."""

    is_watched = False

    def show(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
