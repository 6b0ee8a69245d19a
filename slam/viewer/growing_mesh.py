"""A map's mesh as it grows: which chunks have changed, and which of them are made anew next."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32

from slam.geometry import Transform, transform_points
from slam.maps.base import Map, Mesh
from slam.maps.chunks import Chunk, chunk_mesh, chunks_of

VOXEL_SIZE_M = 0.025  # a viewing resolution, whatever the map's own


class GrowingMesh:
    """The chunks of one map. Only those near new readings are made anew."""

    def __init__(self, map_: Map) -> None:
        self.map = map_
        self._changed: set[Chunk] = set()
        self._made: dict[Chunk, None] = {}  # in the order in which they were made last

    def touch(self, points: Float32[np.ndarray, "n 3"], T_world_camera: Transform) -> None:
        """Note that the surface at some points of a camera may have changed."""
        points = transform_points(T_world_camera, points)
        self._changed |= chunks_of(points, VOXEL_SIZE_M)

    def remade(self, is_over: Callable[[], bool]) -> Iterator[tuple[Chunk, Mesh]]:
        """Make changed chunks anew, one at least, until it is over or none is left: those never
        made first, then those made longest ago. Empty ones are left out until they were not.
        """
        known = [chunk for chunk in self._made if chunk in self._changed]
        for chunk in [*(self._changed - self._made.keys()), *known]:
            self._changed.remove(chunk)
            mesh = chunk_mesh(self.map, chunk, VOXEL_SIZE_M)
            if len(mesh.triangles) or chunk in self._made:
                self._made.pop(chunk, None)
                self._made[chunk] = None
                yield chunk, mesh
            if is_over():
                return
