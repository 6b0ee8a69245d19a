"""What a run leaves of pieces of map that never joined: the largest first, the others beside it."""

import numpy as np

from slam.maps.base import Mesh
from slam.tracking.pieces import pieces_of
from slam.trajectory import Trajectory


def largest_first(trajectory: Trajectory) -> dict[int, Trajectory]:
    """Return the frames of each piece by its number, that with the most frames first."""
    of_frame = pieces_of(trajectory.positions_m)
    numbers, counts = np.unique(of_frame, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {int(number): trajectory.where(of_frame == number) for number in numbers[order]}


def surface_of(mesh: Mesh, piece: int) -> Mesh:
    """Return the part of a mesh that is in a piece."""
    return mesh.without(pieces_of(mesh.vertices_m.astype(np.float64)) != piece)


def in_main_piece(mesh: Mesh, trajectory: Trajectory) -> Mesh:
    """Return the part of a whole map's mesh that is in the piece of a run's `trajectory.txt`."""
    pieces = list(largest_first(trajectory))
    return surface_of(mesh, pieces[0]) if pieces else mesh
