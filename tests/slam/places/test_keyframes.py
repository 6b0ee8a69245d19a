"""Keyframes: when one is due, and which come first."""

import numpy as np
import pytest

from slam.places.keyframes import MAX_ANGLE_RAD, MAX_DISTANCE_M, Keyframes

from .conftest import turned


def test_a_keyframe_is_due_where_none_was_taken_from(keyframe_of):
    keyframes = Keyframes()
    assert not keyframes.is_covered(np.eye(4))
    keyframes.add(keyframe_of(np.eye(4)))
    limit_deg = np.degrees(MAX_ANGLE_RAD)
    assert keyframes.is_covered(turned(0.9 * limit_deg, 0.9 * MAX_DISTANCE_M))
    assert not keyframes.is_covered(turned(1.1 * limit_deg))
    assert not keyframes.is_covered(turned(0.0, 1.1 * MAX_DISTANCE_M))
    keyframes.add(keyframe_of(turned(180.0)))
    assert keyframes.is_covered(np.eye(4))  # also by one that is not the last
    assert not keyframes.is_covered(turned(90.0))


@pytest.mark.parametrize("yaw_deg", [8.0, 100.0, 265.0])
def test_the_nearest_view_ranks_first(see, keyframes, keyframe_of, yaw_deg):
    words = keyframe_of(turned(yaw_deg, 0.1)).features.words
    ranked = keyframes.ranked(words, 3)
    nearest = keyframes.items[round(yaw_deg / 45.0) % 8]
    assert nearest in [keyframes.items[k] for k in ranked[:2]]
    assert len(ranked) == 3


def test_what_has_no_word_in_common_is_not_ranked(keyframes):
    used = np.unique(np.concatenate([k.features.words for k in keyframes.items]))
    others = np.setdiff1d(np.arange(4096), used)[:50].astype(np.int32)
    assert keyframes.ranked(others, 3) == []
    assert Keyframes().ranked(others, 3) == []
