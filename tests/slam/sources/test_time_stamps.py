"""Units of time are told from the size and the period of stamps."""

import numpy as np
import pytest

from slam.errors import SlamError
from slam.sources.time_stamps import FRAME_NUMBERS, SECONDS, unit_beside, unit_of

UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("start_s", [0.0, 12.5, 3e5, 1.3e9, 1.7e9])
@pytest.mark.parametrize("fps", [1, 5, 15, 30, 90, 200])
def test_every_unit_of_every_rate_and_start(unit, start_s, fps):
    true_s = start_s + np.arange(20) / fps + np.random.default_rng(0).uniform(0, 0.2 / fps, 20)
    stamps = np.rint(true_s * UNITS[unit] * 1e6) / 1e6
    found = unit_of(stamps, "list")
    assert found.name == unit
    np.testing.assert_allclose(stamps * found.seconds, true_s, atol=1e-5, rtol=1e-12)


def test_other_units_are_told_and_seconds_are_not(caplog):
    unit_of(np.arange(9) / 30, "list")
    assert not caplog.text
    unit_of(np.arange(9) * 33.0, "list")
    assert "list: the time stamps are milliseconds" in caplog.text


def test_a_picture_a_minute_has_unix_seconds():
    assert unit_of(1.7e9 + 60.0 * np.arange(5), "list") is SECONDS


def test_frame_numbers_are_no_seconds():
    assert unit_of(np.arange(20.0), "list") is FRAME_NUMBERS
    assert unit_of(1.7e9 + np.arange(20.0), "list") is SECONDS  # a frame a second


@pytest.mark.parametrize("fps", [5, 30])
def test_stamps_cut_to_whole_seconds_are_refused(fps):
    with pytest.raises(SlamError, match="time stamps are equal to the one before"):
        unit_of(np.floor(np.arange(60) / fps), "list")


def test_some_repeated_stamps_and_single_frames_are_no_mistake():
    assert unit_of(np.repeat(np.arange(10) / 30, [2, 1] * 5), "list") is SECONDS
    assert unit_of(np.array([7.0]), "list") is SECONDS


@pytest.mark.parametrize("unit", UNITS)
def test_poses_have_the_unit_that_puts_them_beside_the_frames(unit):
    frames_s = 1.7e9 + np.arange(30) / 30
    poses = (1.7e9 - 0.3 + np.arange(200) / 100) * UNITS[unit]
    assert unit_beside(poses, frames_s).name == unit


@pytest.mark.parametrize("unit", UNITS)
def test_poses_of_a_clock_that_starts_with_the_recording(unit):
    """Their first, 0, is of the frames' time in every unit."""
    poses = np.arange(40) / 30 * UNITS[unit]
    assert unit_beside(poses, np.arange(60) / 30).name == unit


def test_poses_of_another_time_stay_in_seconds():
    assert unit_beside(np.arange(30) / 30, 1.7e9 + np.arange(30) / 30) is SECONDS


def test_the_frames_own_unit_is_tried_first():
    """Frame numbers 0 to 39: as seconds they would reach into the frames' time as well."""
    numbers = np.arange(40.0)
    assert unit_beside(numbers, numbers * FRAME_NUMBERS.seconds, FRAME_NUMBERS) is FRAME_NUMBERS
