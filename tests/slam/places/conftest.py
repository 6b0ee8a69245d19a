"""Frames of the synthetic room, and the keyframes of some."""

from collections.abc import Callable

import numpy as np
import pytest

from slam.frame import Frame
from slam.geometry import se3_exp
from slam.places.features import extract
from slam.places.keyframes import Keyframe, Keyframes
from slam.places.vocabulary import load_vocabulary

from ..tracking.conftest import see  # noqa: F401 (a fixture)


def turned(yaw_deg: float, x_m: float = 0.0) -> np.ndarray:
    """Return T_first_camera of a camera that has turned and stepped aside."""
    return se3_exp(np.array([x_m, 0.0, 0.0, 0.0, np.radians(yaw_deg), 0.0]))


@pytest.fixture
def keyframe_of(see: Callable[..., Frame]) -> Callable[[np.ndarray], Keyframe]:  # noqa: F811
    def make(T_first_camera: np.ndarray) -> Keyframe:
        features = extract(see(T_first_camera), load_vocabulary())
        assert features is not None
        return Keyframe(T_first_camera, features)

    return make


@pytest.fixture
def keyframes(keyframe_of: Callable[[np.ndarray], Keyframe]) -> Keyframes:
    """What a camera saw all round it, every 45 degrees."""
    found = Keyframes()
    for yaw_deg in range(0, 360, 45):
        found.add(keyframe_of(turned(yaw_deg)))
    return found
