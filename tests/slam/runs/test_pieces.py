"""Trajectory and mesh of pieces that never joined."""

import numpy as np

from slam.maps.base import Mesh
from slam.runs.pieces import drop_joined, in_main_piece, largest_first, surface_of
from slam.tracking.pieces import APART_M
from slam.trajectory import Trajectory

PART_FILES = (("trajectory", "txt"), ("mesh", "ply"))


def trajectory(*pieces: int) -> Trajectory:
    Ts = np.tile(np.eye(4), (len(pieces), 1, 1))
    Ts[:, 0, 3] = APART_M * np.array(pieces, np.float64) + 1.0
    return Trajectory(np.arange(len(pieces)) / 30, Ts)


def test_the_largest_piece_comes_first():
    whole = trajectory(0, 0, 1, 1, 1, 2, 0, 1)
    parts = largest_first(whole)
    assert list(parts) == [1, 0, 2]
    assert [len(part) for part in parts.values()] == [4, 3, 1]
    np.testing.assert_array_equal(parts[0].timestamps_s, whole.timestamps_s[[0, 1, 6]])
    assert list(largest_first(trajectory(0, 0))) == [0]
    assert largest_first(Trajectory.empty()) == {}


def test_a_mesh_is_cut_between_pieces():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    vertices = np.concatenate([corners, corners + np.float32([APART_M, 0, 0])])
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    mesh = Mesh(vertices, np.zeros((6, 3), np.uint8), triangles)
    for piece in (0, 1):
        part = surface_of(mesh, piece)
        assert len(part.triangles) == 1
        np.testing.assert_array_equal(part.vertices_m, vertices[3 * piece : 3 * piece + 3])
        again = in_main_piece(mesh, trajectory(*[piece] * 3))
        np.testing.assert_array_equal(again.vertices_m, part.vertices_m)
    assert in_main_piece(mesh, Trajectory.empty()) is mesh


def test_files_of_pieces_that_have_joined_are_removed(tmp_path):
    names = ["trajectory.txt", "trajectory_online.txt", "mesh.ply"]
    names += [f"{name}_{k}.{kind}" for k in (2, 3) for name, kind in PART_FILES]
    for name in names:
        (tmp_path / name).touch()
    drop_joined(tmp_path, 2)
    left = {path.name for path in tmp_path.iterdir()}
    assert set(names) - left == {"trajectory_3.txt", "mesh_3.ply"}
    (tmp_path / "trajectory_1.txt").touch()  # then they are of merged runs
    drop_joined(tmp_path, 1)
    assert (tmp_path / "trajectory_2.txt").is_file()
    (tmp_path / "trajectory_1.txt").unlink()
    drop_joined(tmp_path, 1)
    assert {path.name for path in tmp_path.iterdir()} == set(names[:3])
