"""When frames are looked for."""

import pytest

from kernels.threads import NUM_THREADS
from slam.graph.looks import EVERY_S, SHARE, Looks


def test_each_keyframe_and_a_frame_now_and_then_are_looked_for():
    looks = Looks(is_in_turns=True)
    due = [looks.is_due(k / 30, is_keyframe=False) for k in range(300)]
    assert due[0]
    assert sum(due) == pytest.approx(10.0 / EVERY_S, rel=0.2)
    assert all(looks.is_due(10.0 + k / 30, is_keyframe=True) for k in range(5))
    assert not looks.is_due(10.0 + 5 / 30, is_keyframe=False)


def test_beyond_the_share_only_keyframes_are_looked_for():
    wall_s, used_s = 0.0, 0.0
    looks, in_turns = (Looks(turns, lambda: wall_s, lambda: used_s) for turns in (False, True))
    wall_s = 10.0
    used_s = 0.9 * SHARE * NUM_THREADS * wall_s
    assert looks.has_time(is_keyframe=False)
    used_s *= 1.2
    assert not looks.has_time(is_keyframe=False)
    assert looks.has_time(is_keyframe=True)
    assert in_turns.has_time(is_keyframe=False)
