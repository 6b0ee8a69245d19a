"""What the tracker, the system and the viewer know of a map."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64, UInt8

from kernels.field_render import UNSEEN_GRAY
from slam.camera import Camera
from slam.frame import Frame
from slam.geometry import Transform

UNSEEN_COLOR = np.full(3, UNSEEN_GRAY, np.uint8)  # of surface without a known colour


@dataclass(frozen=True)
class Rendering:
    """What a camera would see of a map: z-depth (0 = nothing), world normals, RGB, confidence."""

    depth_m: Float32[np.ndarray, "h w"]
    normals: Float32[np.ndarray, "h w 3"]
    color: UInt8[np.ndarray, "h w 3"]
    confidence: Float32[np.ndarray, "h w"]


@dataclass(frozen=True)
class Mesh:
    """An indexed triangle mesh in the world frame; triangles wind counter-clockwise seen from free
    space.

    `is_predicted` marks vertices of surface that no camera has seen, predicted by a map's prior;
    None if the map predicts nothing.
    """

    vertices_m: Float32[np.ndarray, "v 3"]
    colors: UInt8[np.ndarray, "v 3"]
    triangles: Int32[np.ndarray, "t 3"]
    is_predicted: Bool[np.ndarray, "v"] | None = None

    def observed(self) -> "Mesh":
        """Return the mesh without the triangles that have a predicted vertex."""
        if self.is_predicted is None:
            return self
        return replace(self.without(self.is_predicted), is_predicted=None)

    def without(self, is_dropped: Bool[np.ndarray, "v"]) -> "Mesh":
        """Return the mesh without the triangles that have one of these vertices."""
        return self._part(~self._have(is_dropped))

    def predicted(self) -> "Mesh":
        """Return the triangles that `observed` leaves out."""
        if self.is_predicted is None:
            return self._part(np.zeros(len(self.triangles), dtype=bool))
        return self._part(self._have(self.is_predicted))

    def joined(self, other: "Mesh") -> "Mesh":
        """Return both as one; what is not marked in either was observed."""
        return Mesh(
            np.concatenate([self.vertices_m, other.vertices_m]),
            np.concatenate([self.colors, other.colors]),
            np.concatenate([self.triangles, other.triangles + np.int32(len(self.vertices_m))]),
            np.concatenate([self._marks(), other._marks()]),
        )

    def _marks(self) -> Bool[np.ndarray, "v"]:
        none = np.zeros(len(self.vertices_m), bool)
        return none if self.is_predicted is None else self.is_predicted

    def _have(self, is_marked: Bool[np.ndarray, "v"]) -> Bool[np.ndarray, "t"]:
        a, b, c = is_marked[self.triangles].T
        return a | b | c

    def _part(self, is_kept: Bool[np.ndarray, "t"]) -> "Mesh":
        """Return some of the triangles and the vertices that they use."""
        triangles = self.triangles[is_kept]
        is_used = np.zeros(len(self.vertices_m), dtype=bool)
        is_used[triangles] = True
        new_index = np.cumsum(is_used, dtype=np.int32) - 1
        is_predicted = None if self.is_predicted is None else self.is_predicted[is_used]
        return Mesh(
            self.vertices_m[is_used], self.colors[is_used], new_index[triangles], is_predicted
        )


@dataclass(frozen=True)
class SdfSamples:
    """Signed distance (metres, positive in free space), its gradient in the world, and where both
    are known.
    """

    sdf_m: Float32[np.ndarray, "n"]
    gradient: Float32[np.ndarray, "n 3"]
    is_valid: Bool[np.ndarray, "n"]


@runtime_checkable
class Correction(Protocol):
    """A map on its way to where a correction puts it: made beside it, then taken into use at once.

    Both methods are for the thread that integrates, between frames. Whoever reads the map sees it
    as it was until `swap`, and as it will be from then on.
    """

    def advance(self) -> bool:
        """Do a slice of the work, of some ten milliseconds; True once none is left but what was
        integrated meanwhile.
        """
        ...

    def swap(self) -> Float32[np.ndarray, "n 3"]:
        """Do what is left and take the moved map into use; return world points, a block of the map
        apart, round which anything changed.
        """
        ...


@dataclass(frozen=True)
class View:
    """A frame that can be had again, and where it was taken."""

    camera: Camera
    T_world_camera: Transform
    frame: Callable[[], Frame]


@runtime_checkable
class Mendable(Protocol):
    """A map that can make anew what corrections cannot put right by moving it: they have put apart
    what was averaged.
    """

    def mend(
        self, views: Iterable[View], is_over: Callable[[], bool]
    ) -> Float32[np.ndarray, "n 3"]:
        """Do it from views that cover the map, after the last frame and the last correction; return
        points as `Correction.swap` does. What `is_over` ends early is left as it was.
        """
        ...


@runtime_checkable
class Polishable(Protocol):
    """A map that has more to do with what it keeps of its frames, once none is coming any more."""

    def polish(self, is_over: Callable[[], bool]) -> None:
        """Do it for as long as the map's config says, or until `is_over` does."""
        ...


@runtime_checkable
class Inexact(Protocol):
    """A map whose distances have an error of their own that counts beside that of the readings."""

    @property
    def sigma_m(self) -> float:
        """Standard deviation of the signed distance near surface."""
        ...


def own_sigma_m(map_: "Map") -> float:
    """Return the standard deviation of a map's own error; 0 where it only has the readings'."""
    return map_.sigma_m if isinstance(map_, Inexact) else 0.0


@runtime_checkable
class Refining(Protocol):
    """A map that refines another, which is made of the same frames and cheaper to ask."""

    @property
    def base(self) -> "Map":
        """The map that is refined; always the same object."""
        ...


def tracked_map(map_: "Map") -> "Map":
    """Return what frames are aligned with. Alignment asks for distances a dozen times a frame; what
    features add to a neural map's base costs eight times as much there and makes no pose better.
    """
    return map_.base if isinstance(map_, Refining) else map_


@runtime_checkable
class Map(Protocol):
    """A map that can be built, tracked against, rendered, meshed and kept."""

    def integrate(self, frame: Frame, T_world_camera: Float64[np.ndarray, "4 4"]) -> None:
        """Fuse a posed frame."""
        ...

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Render the map."""
        ...

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        ...

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Return the RGB of the surface at world points on it; grey where none is known."""
        ...

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        """Extract the surface, at a spacing of its own or at another, of 0.001 to 0.5 m."""
        ...

    def set_effort(self, share: float) -> None:
        """Spend only this share, 0 .. 1, of the time budget on work that can be left out.

        What fusing a frame needs is always done; a map that does nothing else ignores this.
        """
        ...

    def refined_poses(self) -> Mapping[int, Transform]:
        """Return T_world_camera of the frames whose poses the map refined, by frame index: in the
        world that they were integrated in, without the corrections since.

        Only of those that this object integrated, not of a file that it was loaded from.
        """
        ...

    def correct(
        self,
        frame_indices: Int64[np.ndarray, "k"],
        Ts_new_old: Float64[np.ndarray, "k 4 4"],
    ) -> Correction | None:
        """Begin to move what was fused round some frames by their motions in the world, and what
        was fused between them by motions in between; None where the map cannot be moved.

        Less than half a voxel moves nothing, but is added to the next correction's.
        """
        ...

    def save(self, path: str | Path, beside: Mapping[str, np.ndarray] | None = None) -> None:
        """Write the map to a file that `load` of the same class reads, with the arrays of others
        beside its own.
        """
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of map data in use."""
        ...

    @property
    def num_refused(self) -> int:
        """Frames of which something was left out because the memory budget is used up."""
        ...
