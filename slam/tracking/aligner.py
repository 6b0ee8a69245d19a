"""What the dense tracker asks of the device that it runs on."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.agreement import Agreement
from slam.tracking.base import TrackResult
from slam.tracking.prepare import PreparedFrame


class Extent(NamedTuple):
    """How much depth a frame has."""

    num_points: int
    median_depth_m: float  # 1 for no points


@runtime_checkable
class Aligner(Protocol):
    """Aligns one frame after another with a map (geometry) and a keyframe (intensity)."""

    def load(self, frame: Frame) -> None:
        """Take the frame that all else is about."""
        ...

    def prepared(self) -> PreparedFrame:
        """Return the frame as the host uses it."""
        ...

    def extent(self) -> Extent:
        """Measure the frame."""
        ...

    def align(
        self, map_: Map, T_start: Transform, scatter: float = 1.0, with_color: bool = True
    ) -> TrackResult:
        """Align the frame from T_start; `scatter` is that of the readings, in the standard
        deviations that are stated: what is farther from the map tells little. Without colour, by
        depth alone.
        """
        ...

    def search(self, map_: Map, T_last: Transform) -> Iterator[Transform]:
        """Look in a wider surrounding of T_last for poses to align from, one after the other: the
        first is where the map's surface draws the frame.
        """
        ...

    def drawn(self, map_: Map, T_start: Transform) -> Transform:
        """Return where the map's surface draws the frame from T_start, by depth alone."""
        ...

    def align_beside(self, T_start: Transform) -> TrackResult:
        """Align the frame from T_start with the keyframe alone, its depth and its intensity."""
        ...

    def agreement(self, T_world_camera: Transform) -> Agreement:
        """Compare the frame at a pose with the keyframe."""
        ...

    def same(self, T_world_camera: Transform) -> float | None:
        """Return the share of the keyframe's texture that looks the same from a pose, 0 .. 1; None
        without colour.
        """
        ...

    def contrast(self, T_world_camera: Transform) -> float:
        """Return how much more looks the same from a pose than in images a few pixels beside: 0 if
        no more, 1 if all that there is more; only with colour.
        """
        ...

    def moved(self, T_new_old: Transform) -> None:
        """Take the keyframe along with a world that was moved."""
        ...

    def set_keyframe(self, T_world_camera: Transform) -> bool:
        """Make the frame the keyframe that later ones are compared with; False without colour."""
        ...

    def forget_keyframe(self) -> None:
        """Compare with nothing until there is another keyframe."""
        ...
