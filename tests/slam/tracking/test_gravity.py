"""A world that stands upright."""

import numpy as np
import pytest

from slam.geometry import so3_exp
from slam.tracking.gravity import level_rotation

DOWN = np.array([0.0, 1.0, 0.0])


def turn(x_deg: float, y_deg: float, z_deg: float) -> np.ndarray:
    """R_world_camera of a camera that is rolled, then pitched (up is positive), then turned."""
    about = np.radians([[0, y_deg, 0], [x_deg, 0, 0], [0, 0, z_deg]])
    return so3_exp(about[0]) @ so3_exp(about[1]) @ so3_exp(about[2])


def felt(R_world_camera: np.ndarray, gravity_m_s2: float = 9.81) -> np.ndarray:
    """What a camera at rest measures."""
    return R_world_camera.T @ (-gravity_m_s2 * DOWN)


@pytest.mark.parametrize(
    ("pitch_deg", "roll_deg"), [(0, 0), (-30, 10), (45, -90), (-79, 170), (20, 180)]
)
def test_pitch_and_roll_are_found_and_the_camera_looks_ahead(pitch_deg, roll_deg):
    T = level_rotation(felt(turn(pitch_deg, 57.0, roll_deg)))
    np.testing.assert_allclose(T[:3, :3], turn(pitch_deg, 0.0, roll_deg), atol=1e-12)
    np.testing.assert_array_equal(T[:3, 3], 0.0)


@pytest.mark.parametrize("pitch_deg", [-90.0, -85.0, 85.0, 90.0])
def test_a_camera_that_looks_straight_down_or_up_heads_where_its_image_does(pitch_deg):
    T = level_rotation(felt(turn(pitch_deg, 20.0, 0.0)))
    np.testing.assert_allclose(T[:3, :3], turn(pitch_deg, 0.0, 0.0), atol=1e-12)


@pytest.mark.parametrize(
    "acceleration",
    [None, np.zeros(3), np.array([0.0, -9.0, 0.0]), np.array([3.0, -9.8, 2.0]), np.full(3, np.nan)],
)
def test_without_gravity_the_axes_are_the_cameras(acceleration):
    np.testing.assert_array_equal(level_rotation(acceleration), np.eye(4))
