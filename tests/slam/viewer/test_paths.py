import numpy as np

from slam.geometry import se3_exp
from slam.graph.graph import Move, Moved
from slam.viewer.paths import PIECE, Path


def test_pieces_make_the_whole_line_and_only_the_last_is_sent_again():
    path, sent, num_sent = Path(), {}, 0
    points = np.random.default_rng(0).normal(size=(3 * PIECE + 7, 3))
    for k, point in enumerate(points):
        path.add(k, point)
        if k % 10 == 9 or k == len(points) - 1:
            pieces = dict(path.changed())
            assert len(pieces) <= 2
            num_sent += sum(map(len, pieces.values()))
            sent |= pieces
    assert list(sent) == [0, 1, 2, 3]
    whole = np.concatenate([sent[0], *(sent[k][1:] for k in (1, 2, 3))])
    np.testing.assert_array_equal(whole, points.astype(np.float32))
    for k in (1, 2, 3):
        np.testing.assert_array_equal(sent[k][0], sent[k - 1][-1])
    assert num_sent < len(points) * PIECE / 10


def test_nothing_new_is_nothing_sent():
    path = Path()
    assert list(path.changed()) == []
    path.add(0, np.zeros(3))
    assert len(list(path.changed())) == 1
    assert list(path.changed()) == []
    for k in range(1, PIECE):
        path.add(k, np.ones(3))
    assert [number for number, _ in path.changed()] == [0]
    assert list(path.changed()) == []


def test_what_was_tracked_before_a_correction_moves_with_it():
    path = Path()
    for k in range(PIECE + 40):
        path.add(2 * k, np.array([k, 0.0, 0.0]))
    assert len(list(path.changed())) == 2
    ends = np.array([0, 500])
    Ts = np.stack([np.eye(4), se3_exp(np.array([0.0, 5.0, 0.0, 0.0, 0.0, 0.0]))])
    moved = Moved.after(500, Move(ends, Ts, np.array([0.0, 5.0]), ()), np.zeros((1, 3), np.float32))
    path.move(moved)
    sent = dict(path.changed())
    assert list(sent) == [0, 1]
    np.testing.assert_allclose(sent[0][100], [100.0, 2.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(sent[1][-1], [PIECE + 39, 0.0, 0.0])  # it came later
    points, is_known = path.at(np.array([0, 200, 201, 500, 9999]))
    assert is_known.tolist() == [True, True, False, True, False]
    np.testing.assert_allclose(points[[0, 1, 3], 1], [0.0, 2.0, 5.0], atol=1e-5)
    assert Path().at(np.array([3]))[1].tolist() == [False]
