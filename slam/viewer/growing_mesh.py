"""A map's mesh as it grows: which chunks have changed, and which of them are made anew next."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32

from slam.geometry import Transform, transform_points
from slam.graph.graph import Moved
from slam.maps.base import Map, Mesh
from slam.maps.chunks import Chunk, chunk_mesh, chunk_size_m, chunks_of

VOXEL_SIZE_M = 0.025  # a viewing resolution, whatever the map's own


class GrowingMesh:
    """The chunks of one map. Only those near new readings are made anew, and those that a
    correction of the map moved.
    """

    def __init__(self, map_: Map) -> None:
        self.map = map_
        self._changed: set[Chunk] = set()
        # in the order in which they were made last, and how what is shown of each has moved since
        self._made: dict[Chunk, Transform] = {}
        self._seen: dict[Chunk, int] = {}  # the frame that touched each first

    def touch(
        self, points: Float32[np.ndarray, "n 3"], T_world_camera: Transform, frame_index: int
    ) -> None:
        """Note that the surface at some points of a frame's camera may have changed."""
        points = transform_points(T_world_camera, points)
        touched = chunks_of(points, VOXEL_SIZE_M)
        self._changed |= touched
        for chunk in touched:
            self._seen.setdefault(chunk, frame_index)

    def move(self, moved: Moved) -> Iterator[tuple[Chunk, Transform]]:
        """Note where a correction has moved the map. Yield how to show what was made of it, until
        it is made anew: moved rigidly with the frame that saw it first.
        """
        changed = chunks_of(moved.changed, VOXEL_SIZE_M, 0.5 * chunk_size_m(VOXEL_SIZE_M))
        self._changed |= changed
        shown = [chunk for chunk in self._made if chunk in changed and chunk in self._seen]
        frames = [self._seen[chunk] for chunk in shown]
        motions = moved.motion.applied(frames, np.tile(np.eye(4), (len(frames), 1, 1)))
        for chunk, T_new_old in zip(shown, motions, strict=True):
            self._made[chunk] = T_new_old @ self._made[chunk]
            yield chunk, self._made[chunk]

    def remade(self, is_over: Callable[[], bool]) -> Iterator[tuple[Chunk, Mesh]]:
        """Make changed chunks anew, where they are, one at least, until it is over or none is left:
        those never made first, then those made longest ago. Empty ones are left out until they were
        not.
        """
        known = [chunk for chunk in self._made if chunk in self._changed]
        for chunk in [*(self._changed - self._made.keys()), *known]:
            self._changed.remove(chunk)
            mesh = chunk_mesh(self.map, chunk, VOXEL_SIZE_M)
            if len(mesh.triangles) or chunk in self._made:
                self._made.pop(chunk, None)
                self._made[chunk] = np.eye(4)
                yield chunk, mesh
            if is_over():
                return
