"""What a system remembers of its way, and where a lost tracker goes on."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import Config, PlacesConfig
from slam.geometry import inverse
from slam.places.memory import NoPlaces, Places, new_places
from slam.system import Slam
from slam.tracking.base import TrackState
from slam.tracking.recogniser import Recogniser

from .conftest import turned


@pytest.fixture
def slam():
    with Slam.from_config(Config(deterministic=True), DepthNoise.rendered(), "cpu") as slam:
        yield slam


def walk(slam, see, yaws_deg, first=0):
    return [
        slam.step(see(turned(yaw_deg), index=first + number))
        for number, yaw_deg in enumerate(yaws_deg)
    ]


def test_a_camera_carried_off_is_found_again(slam, see):
    assert isinstance(slam.places, Recogniser)
    walk(slam, see, np.arange(0.0, 61.0, 1.5))
    num_keyframes = slam.places.num_keyframes
    assert 4 <= num_keyframes <= 10  # every 10 degrees
    T_true = turned(5.0, 0.05)  # far from the 60 degrees where it was
    result = slam.step(see(T_true, index=60))
    assert result.state is TrackState.OK
    np.testing.assert_allclose(result.T_world_camera, T_true, atol=2e-3)
    assert slam.places.num_recognised == 1
    result = slam.step(see(turned(6.0, 0.05), index=61))  # it goes on from there
    assert result.state is TrackState.OK
    assert slam.places.num_recognised == 1


def test_what_was_never_seen_is_not_recognised(slam, see):
    walk(slam, see, np.arange(0.0, 31.0, 1.5))
    for index, yaw_deg in enumerate((180.0, 200.0)):
        assert slam.step(see(turned(yaw_deg), index=50 + index)).state is TrackState.LOST
    assert slam.places.num_recognised == 0


def test_frames_without_colour_are_neither_kept_nor_recognised(see):
    places = new_places(PlacesConfig())
    frame = see(np.eye(4))
    places.remember(replace(frame, color=None), np.eye(4))
    assert places.num_keyframes == 0
    places.remember(frame, np.eye(4))
    assert places.num_keyframes == 1
    assert places.recognise(replace(frame, color=None)) is None
    T_found = places.recognise(frame)
    np.testing.assert_allclose(inverse(np.eye(4)) @ T_found, np.eye(4), atol=1e-3)


def test_switched_off_it_keeps_nothing(see):
    places = new_places(PlacesConfig(enabled=False))
    assert isinstance(places, NoPlaces)
    assert not isinstance(places, Places)
    places.remember(see(np.eye(4)), np.eye(4))
    assert places.recognise(see(np.eye(4))) is None
    assert places.arrays() == {}
