"""Which way is up."""

import numpy as np
import pytest

from slam.export.axes import R_ZUP_YUP, y_up_rotation
from slam.geometry import se3_exp


def held(up_axis):
    """Return a camera whose own up (-y) points along an axis of the world, but for 20 degrees."""
    up = np.asarray(up_axis, dtype=np.float64)
    right = np.roll(np.abs(up), 1)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, -up, np.cross(right, -up)], axis=1)
    return T @ se3_exp(np.array([0.3, 0.1, 2.0, 0.35, 0.0, 0.0]))


def test_our_own_world_has_y_down():
    T = se3_exp(np.array([1.0, 2.0, 3.0, 0.3, 0.5, -0.2]))
    expected = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_array_equal(y_up_rotation(np.stack([np.eye(4), T])), expected)
    np.testing.assert_array_equal(y_up_rotation(np.empty((0, 4, 4))), expected)


def test_a_world_with_z_up_stays_as_it_is_for_tools_with_z_up():
    R_yup_world = y_up_rotation(held([0, 0, 1])[None])
    np.testing.assert_array_equal(R_yup_world @ [1.0, 2.0, 3.0], [1.0, 3.0, -2.0])
    np.testing.assert_array_equal(R_ZUP_YUP @ R_yup_world, np.eye(3))


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_every_axis_can_be_up(k, sign):
    up = sign * np.eye(3)[k]
    R = y_up_rotation(held(up)[None])
    np.testing.assert_array_equal(R @ up, [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(R @ R.T, np.eye(3))
    assert np.linalg.det(R) == 1.0
