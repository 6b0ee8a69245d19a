"""The graph of a run as its folder, its report and its viewer get it."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import STEP, walked_graph

from slam.geometry import inverse
from slam.graph.graph import CELL_M, Graph, Move, Moved
from slam.graph.graph_file import graph_of, graph_text, loop_numbers
from slam.graph.track import Track
from slam.tracking.pieces import APART_M


def assert_equal(one: Graph, other: Graph) -> None:
    np.testing.assert_array_equal(one.frame_indices, other.frame_indices)
    for name in ("timestamps_s", "Ts_tracked", "Ts_world_node"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-8)
    for mine, theirs in (
        (one.odometry, other.odometry),
        ([loop.edge for loop in one.loops], [loop.edge for loop in other.loops]),
    ):
        assert [(edge.a, edge.b) for edge in mine] == [(edge.a, edge.b) for edge in theirs]
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a.T_a_b, b.T_a_b, atol=1e-8)
            assert a.num_frames == b.num_frames
            np.testing.assert_allclose(a.information, b.information, rtol=1e-5)
    mine, theirs = ([loop_numbers(loop) for loop in each.loops] for each in (one, other))
    assert [row["refusal"] for row in mine] == [row["refusal"] for row in theirs]
    for a, b in zip(mine, theirs, strict=True):
        numbers = [[value for value in row.values() if value != row["refusal"]] for row in (a, b)]
        np.testing.assert_allclose(*numbers, rtol=1e-5)  # NaN where the other has it
    assert [(moved.frame_index, moved.largest_m) for moved in one.moves] == [
        (moved.frame_index, moved.largest_m) for moved in other.moves
    ]


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_graph_is_read_as_it_was_written(is_empty):
    written = Graph.none() if is_empty else walked_graph()
    text = graph_text(written)
    assert_equal(graph_of(text), written)
    assert max(map(len, text.splitlines())) < 1000  # a line for each


def test_what_is_counted():
    assert walked_graph().counts() == {
        "accepted": 1, "refused": 1, "moves": 1, "nodes": 6, "largest_offset_m": 0.04,
    }  # fmt: skip


def test_before_is_odometry_alone():
    moved = walked_graph()
    np.testing.assert_allclose(moved.before(), moved.Ts_tracked, atol=1e-9)
    assert Graph.none().before().shape == (0, 4, 4)


def test_before_a_piece_begins_where_the_graph_has_it():
    track = Track()
    far = np.eye(4)
    far[0, 3] = APART_M
    for node in range(6):
        T = np.linalg.matrix_power(STEP, node)
        uncertainty_m = np.inf if node == 3 else 0.001
        track.add(10 * node, 3.0 * node, T if node < 3 else far @ T, uncertainty_m)
    Ts = np.array(track.Ts_world_node)
    Ts[3:] = inverse(far) @ Ts[3:]  # it has joined the first piece
    joined = replace(walked_graph(6), Ts_world_node=Ts, odometry=track.odometry)
    np.testing.assert_allclose(joined.before(), Ts, atol=1e-9)


def test_a_run_that_goes_on_keeps_the_graph_of_before():
    first, second = walked_graph(6), walked_graph(4, first=100)
    whole = first.followed_by(second)
    assert len(whole) == 10
    assert whole.loops[2].edge.b == 9
    assert whole.odometry[-1].a == 8
    assert_equal(whole.until(50), first)
    assert len(whole.until(99).moves) == 1
    assert_equal(whole.until(-1), Graph.none())
    assert_equal(Graph.none().followed_by(second), second)
    np.testing.assert_allclose(whole.before()[6:], second.before(), atol=1e-9)


def test_where_the_map_moved_is_told_by_cells():
    rng = np.random.default_rng(0)
    changed = rng.uniform(-1.0, 1.0, (5000, 3)).astype(np.float32)
    Ts = np.tile(np.eye(4), (3, 1, 1))
    move = Move(np.array([0, 3, 6]), Ts, np.array([0.0, 0.02, APART_M]), ())
    moved = Moved.after(7, move, changed)
    assert (moved.largest_m, moved.has_joined) == (0.02, True)
    assert len(moved.changed) <= 6**3
    apart = np.abs(changed[:, None] - moved.changed[None]).max(axis=2).min(axis=1)
    assert apart.max() <= CELL_M / 2 + 1e-6
    assert len(moved.in_short().changed) == 0
    assert moved.in_short().largest_m == 0.02
    near = replace(move, moved_m=np.array([0.0, 0.02, 0.01]))
    assert Moved.after(7, near, changed).has_joined is False
