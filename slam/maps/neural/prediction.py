"""Unobserved space: the planes of what was observed go on where no camera has seen.

Walls, floors and ceilings are most of a room, and mostly they go on behind furniture and beyond the
edge of the view. NICE-SLAM leaves the features there as they were initialised.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64
from scipy import ndimage

from kernels import field as field_ops
from kernels.field import Field
from slam.maps.base import Mesh
from slam.maps.neural.planes import Plane, planes_of
from slam.maps.neural.visibility import View, is_free

REACH = 0.5  # how far a plane goes on, of the side of a square as large as what was seen of it
_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
Quads = tuple[Float32[np.ndarray, "v 3"], Int32[np.ndarray, "t 3"]]


def continued(field: Field, observed: Mesh, views: list[View], cell_m: float) -> Quads:
    """Return vertices and triangles of what the planes of an observed mesh go on as.

    A plane spreads from cell to cell, `cell_m` wide: over those of which neither the field knows
    the distance nor a view has seen that they are free.
    """
    vertices, triangles, num = [np.zeros((0, 3), np.float32)], [np.zeros((0, 3), np.int32)], 0
    for plane in planes_of(observed):
        points, corners = _spread(plane, field, views, cell_m)
        vertices.append(points)
        triangles += [corners[:, [0, 1, 2]] + np.int32(num), corners[:, [0, 2, 3]] + np.int32(num)]
        num += len(points)
    return np.concatenate(vertices), np.concatenate(triangles)


def _spread(
    plane: Plane, field: Field, views: list[View], cell_m: float
) -> tuple[Float32[np.ndarray, "v 3"], Int32[np.ndarray, "q 4"]]:
    """Return the corners of the cells that a plane goes on over, and the four of each cell."""
    axes, on_plane = plane.axes(), plane.offset_m * plane.normal
    at = np.floor(plane.points @ axes.T / cell_m).astype(np.int64)
    reach = int(np.ceil(REACH * np.sqrt(plane.area_m2) / cell_m))
    low = at.min(axis=0) - reach - 1
    is_seen = np.zeros(at.max(axis=0) + reach + 2 - low, dtype=bool)
    is_seen[tuple((at - low).T)] = True
    is_seen |= ndimage.binary_closing(is_seen)

    def place(cells: Int64[np.ndarray, "n 2"], inside: float) -> Float32[np.ndarray, "n 3"]:
        return ((cells + low + inside) * cell_m @ axes + on_plane).astype(np.float32)

    is_open = np.zeros(is_seen.shape, dtype=bool)
    others = np.argwhere(~is_seen)
    is_open[tuple(others.T)] = _is_unknown(place(others, 0.5), field, views)
    grown = ndimage.binary_dilation(is_seen, mask=is_seen | is_open, iterations=reach)
    cells = np.argwhere(grown & is_open)
    nodes, corners = np.unique(
        (cells[:, None] + _CORNERS).reshape(-1, 2), axis=0, return_inverse=True
    )
    return place(nodes, 0.0), corners.reshape(-1, 4).astype(np.int32)


def _is_unknown(
    points: Float32[np.ndarray, "n 3"], field: Field, views: list[View]
) -> Bool[np.ndarray, "n"]:
    _, _, is_known = field_ops.query(field, points)
    result = ~is_known
    result[result] = ~is_free(points[result], views)
    return result
