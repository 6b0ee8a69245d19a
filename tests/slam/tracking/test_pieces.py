"""Pieces: when one begins, and where it lies."""

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.tracking.pieces import (
    ANEW_AFTER_S,
    APART_M,
    OnePiece,
    Pieces,
    are_apart,
    beside,
    pieces_of,
)


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


def test_a_piece_is_set_aside_by_a_motion_that_turns_nothing():
    pieces, T_world_camera = Pieces(), se3_exp(np.array([0.3, 1.0, -2.0, 0.1, 0.2, 0.3]))
    first = pieces.aside(T_world_camera) @ T_world_camera
    second = pieces.aside(first) @ first
    assert list(pieces_of(np.stack([T[:3, 3] for T in (first, second)]))) == [1, 2]
    np.testing.assert_allclose(beside(T_world_camera, second), T_world_camera, atol=1e-12)
    with pytest.raises(RuntimeError, match="one piece"):
        OnePiece().aside(T_world_camera)


def test_only_an_old_piece_is_set_aside():
    pieces = Pieces()
    assert not pieces.is_old(100.0)
    for time_s in (5.0, 7.0):
        pieces.observe(time_s)
    assert not pieces.is_old(14.9)
    assert pieces.is_old(15.0)
    pieces.aside(np.eye(4))
    pieces.observe(15.1)
    assert not pieces.is_old(16.0)
    assert not OnePiece().is_old(100.0)
