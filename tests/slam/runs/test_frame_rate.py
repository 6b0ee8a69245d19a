"""Who leaves out work when frames take too long."""

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.runs.frame_rate import EffortKeeper
from slam.viewer.base import Snapshot

CAMERA = Camera(4, 3, 3.0, 3.0, 1.5, 1.0)
FRAME = Frame(0, 0.0, CAMERA, np.ones((3, 4), np.float32), None, DepthNoise.rendered())
MIN_FPS = 20.0


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def efforts(duration_s, num_frames):
    """Let frames take as long as a function of the effort says; return the effort after each."""
    clock = Clock()
    keeper = EffortKeeper(MIN_FPS, clock)
    found = []
    for k in range(num_frames):
        clock.now_s += duration_s(k, keeper.effort)
        keeper(Snapshot(FRAME, (), 0.0))
        found.append(keeper.effort)
    return found


def test_fast_frames_keep_all_effort():
    assert efforts(lambda k, effort: 0.02, 100) == 100 * [1.0]


def test_what_cannot_be_fast_enough_gets_no_effort():
    assert efforts(lambda k, effort: 0.2, 100)[-1] == 0.0


@pytest.mark.parametrize("most_s", [0.07, 0.12])
def test_the_effort_settles_where_the_rate_is_held(most_s):
    """A frame takes 30 ms, and more in proportion to the effort."""
    found = efforts(lambda k, effort: 0.03 + (most_s - 0.03) * effort, 300)
    expected = (1.0 / MIN_FPS - 0.03) / (most_s - 0.03)
    np.testing.assert_allclose(found[200:], expected, atol=0.02)


def test_the_effort_comes_back():
    found = efforts(lambda k, effort: 0.2 if k < 50 else 0.02, 150)
    assert found[49] == 0.0
    assert found[-1] == 1.0


def test_a_pause_is_not_a_slow_frame():
    found = efforts(lambda k, effort: 60.0 if k == 50 else 0.03, 100)
    assert min(found) > 0.3
    assert found[80] == 1.0
