"""What moving a frame tells of the information that its equations claim."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.align import NormalEquations
from slam.config import NoiseConfig
from slam.sources.noise.kinect import add_kinect_noise, kinect_depth_noise
from slam.tracking.base import TrackState
from slam.tracking.information import told

from .conftest import CAMERA

LEVER_M = 2.0
CLAIMED = 1e5
ALONG = np.array([[0.6, 0.0, 0.0, 0.0, 0.8 / LEVER_M, 0.0]])  # a metre, to the side and turning


def noisy(frame, seed):
    """A frame as a Kinect has it."""
    config, rng = NoiseConfig(model="kinect"), np.random.default_rng(seed)
    depth_m = add_kinect_noise(frame.depth_m, CAMERA.fx, config, rng)
    noise = kinect_depth_noise(frame.depth_noise, config.disparity_sigma)
    return replace(frame, depth_m=depth_m, depth_noise=noise)


def claiming(T, real):
    """Equations that claim information along ALONG, of which a part is real."""
    in_m = np.array([1.0, 1.0, 1.0, LEVER_M, LEVER_M, LEVER_M])
    covector = ALONG[0] * in_m**2
    H = CLAIMED * np.outer(covector, covector) + np.diag([0.0, 0.0, 1e7, 0.0, 0.0, 1e7])
    moved_m = np.linalg.norm(T[:3, 3]) / 0.6
    squared_error = 500.0 + real * moved_m**2
    return NormalEquations(H, np.zeros(6), squared_error, 900.0, 0.0, 1000)


@pytest.mark.parametrize("real", [0.0, 0.3 * CLAIMED, CLAIMED])
def test_no_more_is_told_than_the_residuals_grow(real) -> None:
    T = np.eye(4)
    before = claiming(T, real)
    after = told(before, lambda T: claiming(T, real), T, ALONG, LEVER_M, 0.002)
    assert ALONG[0] @ after.H @ ALONG[0] == pytest.approx(real, rel=2e-3, abs=1.0)
    assert after.H[2, 2] == pytest.approx(before.H[2, 2])
    assert after.squared_error == before.squared_error


def test_residuals_that_grow_by_more_tell_no_more_than_the_equations() -> None:
    before = claiming(np.eye(4), 0.0)
    after = told(before, lambda T: claiming(T, 3 * CLAIMED), np.eye(4), ALONG, LEVER_M, 0.002)
    np.testing.assert_allclose(after.H, before.H)


def test_a_wall_in_noise_tells_nothing_of_a_motion_along_it(make_rig, see) -> None:
    """Its normals err by more than those of what stands in a room differ."""
    rig, T = make_rig(photometric=False), np.eye(4)
    states = []
    for index in range(12):
        T[0, 3] = 0.01 * index
        states.append(rig.step(noisy(see(T, index, scene="wall"), index)).state)
    assert states[1:] == 11 * [TrackState.WEAK]
