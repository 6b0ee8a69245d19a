"""Nodes of a run: what the graph makes of its poses, with and without a map that moves."""

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.graph.corrections import Corrections
from slam.graph.track import Track
from slam.tracking.pieces import APART_M

STEP = np.array([0.1, 0.0, 0.02, 0.0, 0.05, 0.0])
BEND = np.array([0.0, 0.001, 0.0, 0.0, 0.0, 0.001])


def pose(index: float) -> np.ndarray:
    return se3_exp(index * STEP)


def walked(num_nodes: int = 6, every: int = 10) -> Track:
    track = Track()
    for node in range(num_nodes):
        track.add(node * every, node / 3, pose(node), 0.001)
    return track


def bent(track: Track) -> np.ndarray:
    return np.array([T @ se3_exp(k * BEND) for k, T in enumerate(track.Ts_world_node)])


def test_odometry_is_what_was_tracked():
    track = walked()
    edges = track.edges()
    assert list(zip(edges.a, edges.b, strict=True)) == [(k, k + 1) for k in range(5)]
    np.testing.assert_allclose(edges.Ts_a_b, np.tile(se3_exp(STEP), (5, 1, 1)), atol=1e-12)
    assert (edges.num_frames == 10).all()
    way_m = np.linalg.norm(se3_exp(STEP)[:3, 3])
    assert track.moments[-1].path_m == pytest.approx(5 * way_m)


def test_an_uncertain_pose_weighs_less():
    sure, unsure = Track(), Track()
    for track, uncertainty_m in ((sure, 0.001), (unsure, 0.05)):
        track.add(0, 0.0, pose(0), uncertainty_m)
        track.add(1, 0.1, pose(1), uncertainty_m)
    assert (unsure.odometry[0].information < sure.odometry[0].information)[0, 0]
    assert sure.odometry[0].information[0, 0] < 0.001**-2  # the floor


def test_nothing_is_corrected_before_the_graph_says_so():
    track = walked()
    Ts = np.array([pose(0.3), pose(4.7)])
    np.testing.assert_allclose(track.corrections().applied([3, 47], Ts), Ts, atol=1e-12)
    np.testing.assert_array_equal(Corrections.none().applied([3, 47], Ts), Ts)


def test_frames_move_with_the_nodes_about_them():
    track = walked()
    Ts_new = bent(track)
    track.solved(Ts_new)
    corrected = track.corrections().applied(
        [0, 20, 25, 30, 70], np.array([pose(0), pose(2), pose(2.5), pose(3), pose(7)])
    )
    np.testing.assert_allclose(corrected[[0, 1, 3]], Ts_new[[0, 2, 3]], atol=1e-12)
    middle = 0.5 * (Ts_new[2] + Ts_new[3])[:3, 3]
    np.testing.assert_allclose(corrected[2, :3, 3], middle, atol=1e-3)
    # beyond the last node, with it
    np.testing.assert_allclose(
        np.linalg.inv(Ts_new[5]) @ corrected[4], np.linalg.inv(pose(5)) @ pose(7), atol=1e-12
    )


def test_later_nodes_go_on_from_the_solved_ones():
    track = walked()
    Ts_new = bent(track)[:4]
    track.solved(Ts_new)
    track.add(60, 2.0, pose(6), 0.001)
    steps = np.linalg.inv(track.Ts_world_node[3]) @ track.Ts_world_node[6]
    np.testing.assert_allclose(steps, np.linalg.inv(pose(3)) @ pose(6), atol=1e-12)


def test_a_map_that_moves_takes_the_tracker_along():
    """After the move the tracker tells poses of the new world, and no correction is left."""
    track = walked()
    track.solved(bent(track))
    motions = track.motions()
    track.add(60, 2.0, pose(6), 0.001)  # still in the old world, after the graph was solved
    track.moved(len(motions), motions, 66)
    np.testing.assert_allclose(track.Ts_in_map, track.Ts_world_node, atol=1e-12)
    np.testing.assert_allclose(track.motions(), np.tile(np.eye(4), (7, 1, 1)), atol=1e-12)
    track.add(70, 2.3, motions[-1] @ pose(7), 0.001)
    np.testing.assert_allclose(track.edges().Ts_a_b[-1], se3_exp(STEP), atol=1e-12)
    corrections = track.corrections()
    np.testing.assert_allclose(corrections.Ts_new_tracked[-1], np.eye(4), atol=1e-12)
    # a frame between the worlds was tracked in the old one
    T = corrections.applied([65], pose(6.5)[None])[0]
    np.testing.assert_allclose(
        np.linalg.inv(track.Ts_world_node[6]) @ T, se3_exp(0.5 * STEP), atol=1e-12
    )
    # one behind the move, but before the next node, in the new one
    T_new = motions[-1] @ pose(6.8)
    np.testing.assert_allclose(corrections.applied([68], T_new[None])[0], T_new, atol=1e-12)


def test_a_tracker_that_went_on_while_the_map_moved_goes_otherwise_than_its_last_node():
    track = walked()
    track.solved(bent(track))
    motions = track.motions()
    track.add(60, 2.0, pose(6), 0.001)
    Ts = np.array(track.Ts_world_node)
    Ts[6, 1, 3] += 0.1  # what a loop says of the new node
    track.solved(Ts)
    T_now = track.motion_now(motions)
    np.testing.assert_allclose(T_now @ pose(6), Ts[6], atol=1e-12)
    # the map is moved as the graph had it before: there, what is seen again is still elsewhere
    Ts_later = Ts.copy()
    Ts_later[2, 0, 3] += 0.03
    track.solved(Ts_later)
    beside = np.linalg.inv(motions[2] @ pose(2)) @ track.motion_now(motions, 2) @ pose(6)
    np.testing.assert_allclose(beside, np.linalg.inv(Ts_later[2]) @ Ts_later[6], atol=1e-12)
    track.solved(Ts)
    track.moved(len(motions), motions, 66, T_now)
    track.add(70, 2.3, T_now @ pose(7), 0.001)
    np.testing.assert_allclose(track.edges().Ts_a_b[-1], se3_exp(STEP), atol=1e-12)
    np.testing.assert_allclose(track.motions()[-1], np.eye(4), atol=1e-12)
    apart = far(np.eye(4))[None]
    np.testing.assert_array_equal(track.motion_now(apart), apart[0])


def test_a_track_that_was_found_again_hangs_on_the_place_where_it_was():
    track = walked()
    track.add(300, 20.0, pose(2.2), 0.001)
    edge = track.odometry[-1]
    assert (edge.a, edge.b, edge.num_frames) == (2, 6, 0)
    np.testing.assert_allclose(edge.T_a_b, se3_exp(0.2 * STEP), atol=1e-12)


def far(T: np.ndarray, piece: int = 1) -> np.ndarray:
    moved = T.copy()
    moved[0, 3] += APART_M * piece
    return moved


def test_a_piece_of_its_own_hangs_on_nothing():
    track = walked()
    for node in range(3):
        uncertainty_m = np.inf if node == 0 else 0.001
        track.add(60 + 10 * node, 3.0 + node / 3, far(pose(node)), uncertainty_m)
    assert track.odometry[5].information.max() < 0.1
    assert track.odometry[6].information.max() > 1e3
    assert [edge.num_frames for edge in track.odometry[4:7]] == [10, 0, 10]
    assert [moment.piece for moment in track.moments] == [0] * 6 + [1] * 3
    assert track.moments[6].path_m == track.moments[5].path_m  # nobody walked between them
    # what is solved of one piece does not reach over to frames of the other
    Ts = np.array(track.Ts_world_node)
    Ts[6:] = np.linalg.inv(far(pose(0)))[None] @ Ts[6:]
    track.solved(Ts)
    corrections = track.corrections()
    np.testing.assert_allclose(corrections.applied([59], pose(5.9)[None])[0], pose(5.9), atol=1e-9)
    back = corrections.applied([65], far(pose(0.5))[None])[0]
    np.testing.assert_allclose(back, pose(0.5), atol=1e-9)


def test_a_track_that_is_found_in_an_old_piece_hangs_on_that():
    track = walked()
    track.add(60, 3.0, far(pose(0)), np.inf)
    track.add(70, 3.2, pose(3.1), 0.001)
    edge = track.odometry[-1]
    assert edge.a == 3
    assert edge.information.max() > 1e3


def test_a_track_that_goes_on_beside_the_map_is_one_track():
    track = walked()
    for node in range(6, 9):
        track.add(10 * node, node / 3, far(pose(node)), 0.001)
    assert [edge.num_frames for edge in track.odometry] == [10] * 8
    np.testing.assert_allclose(track.odometry[5].T_a_b, se3_exp(STEP), atol=1e-9)
    assert track.odometry[5].information.max() > 1e3
    assert [moment.piece for moment in track.moments] == [0] * 9  # what it saw lately is no loop
    np.testing.assert_allclose(track.Ts_world_node, [pose(node) for node in range(9)], atol=1e-9)
    assert track.first_aside() == 6
    assert track.num_pieces() == 1
    np.testing.assert_allclose(track.map_off_m(), [0.0] * 6 + [APART_M] * 3, atol=1e-9)
    back = track.corrections().applied([65], far(pose(6.5))[None])[0]
    np.testing.assert_allclose(back, pose(6.5), atol=1e-9)
    track.moved(9, track.motions(), 85)
    assert track.first_aside() is None


def test_motions_stay_rigid_however_often_the_map_moves():
    track = walked()
    for k in range(60):
        nodes = np.array(track.Ts_world_node)
        track.solved(se3_exp(1e-3 * np.array([1.0, -2.0, 1.0, 3.0, 2.0, -1.0])) @ nodes)
        Ts_new_old = track.motions()
        T_now = track.motion_now(Ts_new_old)
        track.moved(len(Ts_new_old), Ts_new_old, 100 + k, T_now)
    R = np.array([*track.Ts_in_map, *track.Ts_world_node, T_now])[:, :3, :3]
    np.testing.assert_allclose(
        R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (len(R), 1, 1)), atol=1e-12
    )
