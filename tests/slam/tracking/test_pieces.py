"""Pieces: when one begins, and where it lies."""

import numpy as np
import pytest

from slam.tracking.pieces import ANEW_AFTER_S, APART_M, OnePiece, Pieces, are_apart, pieces_of


def test_a_piece_begins_after_a_second_of_being_lost():
    pieces, times_s = Pieces(), np.linspace(3.0, 3.0 + ANEW_AFTER_S, 9)
    assert not any(pieces.is_due(time_s) for time_s in times_s[:-1])
    pieces.wait()
    assert not any(pieces.is_due(time_s) for time_s in times_s[:-1])
    assert pieces.is_due(times_s[-1])
    assert not OnePiece().is_due(100.0)


def test_a_gap_between_frames_is_no_time_to_look_round():
    pieces = Pieces()
    assert not any(pieces.is_due(time_s) for time_s in (0.0, 9.0, 10.0, 11.0))
    assert pieces.is_due(12.0)


def test_pieces_lie_apart_and_keep_their_axes():
    pieces = Pieces()
    level = np.eye(4)
    level[:3, :3] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    first, second = pieces.begin(level), pieces.begin(level)
    np.testing.assert_array_equal(first[:3, :3], level[:3, :3])
    assert list(pieces_of(np.stack([T[:3, 3] for T in (level, first, second)]))) == [0, 1, 2]
    assert are_apart(first, second)
    near = first.copy()
    near[:3, 3] += 0.3 * APART_M
    assert not are_apart(first, near)
    with pytest.raises(RuntimeError, match="one piece"):
        OnePiece().begin(level)
