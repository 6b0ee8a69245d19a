"""Whether colour is late, on likenesses made up."""

import logging

import numpy as np
import pytest

from slam.geometry import inverse, se3_exp, se3_log
from slam.tracking.color_delay import ColorDelay


def way(number: int, shake: float) -> np.ndarray:
    forward = 0.01 * number * np.array([1.0, 0.2, 0.0, 0.0, 0.2, 0.0])
    return se3_exp(forward + shake * np.sin(1.3 * number) * np.array([1.0, 0, 0, 0, 1.0, 0]))


def walked(num_late: int, shake: float, seed: int, num_frames: int = 150) -> ColorDelay:
    """Return the delay that is found in a walk whose colour is late by so many frames; a keyframe
    is taken every twelve, and likeness falls with the distance from where colour was taken.
    """
    random = np.random.default_rng(seed)
    delay, keyframe = ColorDelay(), 0
    for number in range(num_frames):
        T_seen = inverse(way(keyframe - num_late, shake)) @ way(number - num_late, shake)

        def looks_same(T, T_seen=T_seen, keyframe=keyframe):
            apart = np.abs(se3_log(inverse(T_seen) @ inverse(way(keyframe, shake)) @ T)).sum()
            return 0.8 / (1.0 + (apart / 0.05) ** 2) + 0.02 * random.standard_normal()

        delay.observe(number / 30, way(number, shake), looks_same)
        if number % 12 == 0:
            delay.take_keyframe()
            keyframe = number
    return delay


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("num_late", range(6))
def test_a_delay_is_found_and_said_once(caplog, num_late, seed):
    with caplog.at_level(logging.WARNING):
        delay = walked(num_late, 0.03, seed)
    assert delay.is_late == (num_late > 1)
    assert len(caplog.records) == (num_late > 1)
    if num_late > 1:
        assert f"about {1e3 * num_late / 30:.0f} ms" in caplog.text


@pytest.mark.parametrize("seed", range(4))
def test_steady_motion_tells_nothing(seed):
    assert not walked(3, 0.0, seed).is_late


def test_without_colour_nothing_is_late():
    delay = ColorDelay()
    for number in range(60):
        delay.observe(number / 30, way(number, 0.03), lambda T: None)
        if number % 12 == 0:
            delay.take_keyframe()
    assert not delay.is_late
