"""Recognition of views of a room from keyframes of the same room and of others."""

import numpy as np
import pytest

from slam.geometry import inverse, rotation_angle_rad
from slam.places.features import extract
from slam.places.keyframes import Keyframes
from slam.places.recognition import recognise
from slam.places.vocabulary import load_vocabulary

from .conftest import turned


def seen(frame):
    features = extract(frame, load_vocabulary())
    assert features is not None
    return features


@pytest.mark.parametrize("yaw_deg", [-12.0, 140.0, 200.0, 300.0])
def test_a_view_between_keyframes_is_placed(see, keyframes, yaw_deg):
    T_true = turned(yaw_deg, 0.15)
    frame = see(T_true)
    found = recognise(seen(frame), frame.depth_noise, keyframes)
    assert found is not None
    T_error = inverse(T_true) @ found.T_world_camera
    assert np.linalg.norm(T_error[:3, 3]) < 0.05  # within reach of the alignment that follows
    assert np.degrees(rotation_angle_rad(T_error[:3, :3])) < 3.0


def test_another_scene_is_not_placed(see, keyframes):
    frame = see(np.eye(4), scene="wall")
    assert recognise(seen(frame), frame.depth_noise, keyframes) is None


def test_nothing_is_placed_among_nothing(see):
    frame = see(np.eye(4))
    assert recognise(seen(frame), frame.depth_noise, Keyframes()) is None


def test_the_same_twice(see, keyframes):
    frame = see(turned(20.0))
    first, again = (recognise(seen(frame), frame.depth_noise, keyframes) for _ in range(2))
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.T_world_camera, again.T_world_camera)
