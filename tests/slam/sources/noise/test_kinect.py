import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import NoiseConfig
from slam.sources.noise.kinect import DISPARITY_AT_1M, add_kinect_noise, kinect_depth_noise

KINECT = NoiseConfig(model="kinect")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _plane(depth_m, shape=(240, 320)):
    return np.full(shape, depth_m, np.float32)


def _disparity(depth_m):
    return DISPARITY_AT_1M / depth_m


@pytest.mark.parametrize("sigma", [1.0 / 6.0, 0.5, 1.0])
def test_disparity_error_has_the_variance_of_jitter_and_rounding(rng, sigma):
    """Planes at disparities of all phases of the rounding, so that its error is uniform: 1/12."""
    config = NoiseConfig(model="kinect", disparity_sigma=sigma)
    errors = []
    for disparity in 175.0 + (np.arange(40) + 0.5) / 40:  # about 2 m
        noisy_m = add_kinect_noise(
            _plane(DISPARITY_AT_1M / disparity, (60, 80)), 585.0, config, rng
        )
        errors.append(_disparity(noisy_m) - disparity)
    errors = np.array(errors)
    # 192,000 samples: 1 % is six standard errors of the deviation.
    assert abs(errors.mean()) < 0.005
    assert errors.std() == pytest.approx(np.hypot(sigma, np.sqrt(1 / 12)), rel=0.01)


def test_reported_disparities_are_whole_eighths(rng):
    disparity = _disparity(add_kinect_noise(_plane(1.7), 585.0, KINECT, rng))
    np.testing.assert_allclose(disparity, np.rint(disparity), atol=1e-4)


@pytest.mark.parametrize("depth_m", [1.0, 2.0, 4.0])
def test_depth_noise_is_what_the_source_says(rng, depth_m):
    noise = kinect_depth_noise(DepthNoise(0.0, 0.0, 0.0), 0.5)
    config = NoiseConfig(model="kinect", disparity_sigma=0.5)
    tilt = np.linspace(0.99, 1.01, 320, dtype=np.float32)  # several phases of the rounding
    plane_m = _plane(depth_m) * tilt
    error_m = add_kinect_noise(plane_m, 585.0, config, rng) - plane_m
    assert error_m.std() == pytest.approx(noise.sigma_m(depth_m), rel=0.05)


def test_lateral_shift_has_its_sigma(rng):
    """On a slope a shift sideways is an error in depth; no other noise is on here."""
    config = NoiseConfig(model="kinect", lateral_sigma_px=0.5, disparity_sigma=0.0)
    disparity = (1000.0 + 20.0 * np.arange(100, dtype=np.float32)) * np.ones((400, 1), np.float32)
    noisy_m = add_kinect_noise(DISPARITY_AT_1M / disparity, 585.0, config, rng)
    kept = (noisy_m > 0)[:, 5:-5]
    shift_px = (_disparity(np.maximum(noisy_m, 1e-3)) - disparity)[:, 5:-5][kept] / 20.0
    # Rounding adds 1/20 px; the cases in which the nearest pixel is taken make it a little wider.
    assert shift_px.std() == pytest.approx(0.5, rel=0.1)
    assert abs(shift_px.mean()) < 0.02


def test_no_reading_lies_between_two_surfaces(rng):
    depth_m = _plane(1.0)
    depth_m[:, 160:] = 3.0
    noisy_m = add_kinect_noise(depth_m, 585.0, KINECT, rng)
    assert not ((noisy_m > 1.1) & (noisy_m < 2.7)).any()


def test_missing_depth_stays_missing(rng):
    assert not add_kinect_noise(_plane(0.0), 585.0, KINECT, rng).any()
    depth_m = _plane(2.0)
    depth_m[100:140, 100:140] = 0.0
    noisy_m = add_kinect_noise(depth_m, 585.0, KINECT, rng)
    assert not noisy_m[105:135, 105:135].any()


def test_dropouts_are_at_edges_and_not_on_planes(rng):
    depth_m = _plane(1.0)
    depth_m[:, 160:] = 3.0
    is_lost = add_kinect_noise(depth_m, 585.0, KINECT, rng) == 0
    assert 0.7 < is_lost[:, 159:161].mean() < 0.9  # 0.8 at an edge
    assert not is_lost[:, :155].any()
    assert not is_lost[:, 165:].any()


@pytest.mark.parametrize(
    ("angle_deg", "low", "high"), [(60, 0.0, 0.0), (75, 0.2, 0.4), (84, 0.75, 0.85)]
)
def test_dropouts_grow_with_the_slope(rng, angle_deg, low, high):
    """A plane's disparity is linear in u: d (1 + tan(angle) (u - cx) / f)."""
    u = np.arange(-8, 8, dtype=np.float32)
    disparity = 200.0 * (1 + np.tan(np.deg2rad(angle_deg)) * u / 585.0)
    depth_m = (DISPARITY_AT_1M / disparity * np.ones((3000, 1))).astype(np.float32)
    lost = (add_kinect_noise(depth_m, 585.0, KINECT, rng) == 0)[:, 4:-4].mean()
    assert low <= lost <= high
