"""What a run leaves of pieces of map that never joined: the largest first, the others beside it."""

from itertools import count
from pathlib import Path

import numpy as np

from slam.maps.base import Mesh
from slam.meshio import predicted_path_of
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


def drop_joined(folder: Path, num_pieces: int) -> None:
    """Remove the files of pieces beyond these from a run's folder: those of the run that it goes
    on with, whose pieces have joined since. Those of merged runs stay.
    """
    if (folder / "trajectory_1.txt").is_file():
        return
    for number in count(max(num_pieces, 1) + 1):
        trajectory_path = folder / f"trajectory_{number}.txt"
        if not trajectory_path.is_file():
            return
        mesh_path = folder / f"mesh_{number}.ply"
        for path in (trajectory_path, mesh_path, predicted_path_of(mesh_path)):
            path.unlink(missing_ok=True)
