import numpy as np

from slam.viewer.paths import PIECE, Path


def test_pieces_make_the_whole_line_and_only_the_last_is_sent_again():
    path, sent, num_sent = Path(), {}, 0
    points = np.random.default_rng(0).normal(size=(3 * PIECE + 7, 3))
    for k, point in enumerate(points):
        path.add(point)
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
    path.add(np.zeros(3))
    assert len(list(path.changed())) == 1
    assert list(path.changed()) == []
    for _ in range(PIECE - 1):
        path.add(np.ones(3))
    assert [number for number, _ in path.changed()] == [0]
    assert list(path.changed()) == []
