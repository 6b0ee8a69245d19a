"""What the readings say of their noise, against sensors whose noise is known."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import nnls

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.maps.base import SdfSamples
from slam.tracking.sensor_noise import (
    BIN_EDGES_M,
    SURE,
    SURE_BETTER,
    SensorNoise,
    corrected_noise,
    depth_steps,
    nonnegative_fit,
    ray_errors,
)

CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)
MIDDLES_M = np.sqrt(BIN_EDGES_M[:-1] * BIN_EDGES_M[1:])


class Slope:
    """A map of one plane, from 0.8 m at the left edge of the view to 4 m at its right one."""

    normal = np.array([-0.82, 0.0, 0.57])
    normal = normal / np.linalg.norm(normal)
    distance_m = float(normal @ np.array([0.0, 0.0, 1.4]))

    def query(self, points):
        sdf_m = (self.distance_m - points @ self.normal).astype(np.float32)
        gradient = np.tile(-self.normal.astype(np.float32), (len(points), 1))
        return SdfSamples(sdf_m, gradient, np.abs(sdf_m) < 0.5)

    def depth_m(self):
        u = np.arange(CAMERA.width)
        x = (u - CAMERA.cx) / CAMERA.fx
        z = self.distance_m / (self.normal[0] * x + self.normal[2])
        z = np.where((z > 0.5) & (z < 4.0), z, 0.0)
        return np.tile(z, (CAMERA.height, 1)).astype(np.float32)


def learned(stated, true_sigma, num_frames=45, outliers=0.0, seed=0):
    """Let a sensor of one noise be stated to have another one."""
    rng, slope, sensor = np.random.default_rng(seed), Slope(), SensorNoise()
    clean_m = slope.depth_m()
    for index in range(num_frames):
        depth_m = clean_m + true_sigma(clean_m) * rng.standard_normal(clean_m.shape)
        is_hit = rng.random(clean_m.shape) < outliers
        depth_m = np.where(is_hit, rng.uniform(0.4, 5.0, clean_m.shape), depth_m)
        depth_m = np.where(clean_m > 0, depth_m, 0).astype(np.float32)
        frame = sensor.corrected(Frame(index, index / 30, CAMERA, depth_m, None, stated))
        sensor.observe(frame, slope.query, np.eye(4))
    return sensor.learned


@pytest.mark.parametrize("factor", [0.2, 0.3, 2.0, 3.5])
def test_a_wrong_factor_is_found(factor):
    stated = DepthNoise(0.001, 0.0, 0.004)
    noise = learned(stated, lambda z: factor * stated.sigma_m(z))
    for z in (1.0, 1.5, 2.0):
        assert noise.sigma_m(z) == pytest.approx(factor * stated.sigma_m(z), rel=0.12)


@pytest.mark.parametrize("factor", [0.55, 0.85, 1.0, 1.2])
def test_a_right_statement_stays_as_it_is(factor):
    stated = DepthNoise.kinect_v1()
    assert learned(stated, lambda z: factor * stated.sigma_m(z)) == stated


def test_another_growth_with_depth_is_found():
    true = DepthNoise(0.0008, 0.0, 0.0025)
    noise = learned(DepthNoise(0.01, 0.0, 0.0), true.sigma_m)
    for z in (0.9, 1.3, 1.7):  # changes of less than 16 % are not taken over
        assert noise.sigma_m(z) == pytest.approx(true.sigma_m(z), rel=0.25)


def test_gross_errors_do_not_count_as_noise():
    stated = DepthNoise(0.001, 0.0, 0.004)
    noise = learned(stated, lambda z: 2.0 * stated.sigma_m(z), outliers=0.2)
    assert noise.sigma_m(1.5) == pytest.approx(2.0 * stated.sigma_m(1.5), rel=0.2)


def test_clean_depth_is_never_taken_for_better_than_rendered():
    noise = learned(DepthNoise.kinect_v1(), lambda z: 1e-5 * z)
    rendered = DepthNoise.rendered()
    for z in (0.9, 1.5, 2.2):
        assert rendered.sigma_m(z) * 0.98 <= noise.sigma_m(z) < 1.6 * rendered.sigma_m(z)


def test_the_factor_has_bounds():
    stated = DepthNoise(0.001, 0.0, 0.0)
    factors = np.full(len(MIDDLES_M), 100.0)
    corrected = corrected_noise(stated, factors, factors > 0, 0.0 * factors)
    assert corrected.sigma_m(1.0) == pytest.approx(0.004, rel=0.05)


@pytest.mark.parametrize("seed", range(20))
def test_a_fit_without_negative_parts_is_the_best(seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(20, 3))
    b = A @ rng.normal(size=3) + rng.normal(size=20)
    wanted, _ = nnls(A, b)
    np.testing.assert_allclose(nonnegative_fit(A, b), wanted, atol=1e-9)


def test_a_correction_is_positive_and_grows_everywhere():
    """Also far from the depths that were seen, and for factors that no sensor has."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        factors = np.exp(rng.normal(0, 1, len(MIDDLES_M)))
        is_known = rng.random(len(MIDDLES_M)) < 0.3
        is_known[8] = True
        noise = corrected_noise(DepthNoise.kinect_v1(), factors, is_known, 0.0 * factors)
        if noise != DepthNoise.kinect_v1():
            sigma_m = noise.sigma_m(np.linspace(0.05, 20, 200))
            assert (sigma_m > 0).all()
            assert (np.diff(sigma_m) >= 0).all()
        else:
            assert (factors[is_known] < SURE).all()
            assert (factors[is_known] > 1.0 / SURE_BETTER).all()


def test_steps_of_rounded_disparities_are_found():
    rng = np.random.default_rng(0)
    disparity = np.linspace(90.0, 500.0, 640) + rng.normal(0, 0.3, (60, 640))
    rounded_m = (351.3 / np.rint(disparity)).astype(np.float32)
    steps_m = depth_steps(rounded_m)
    is_found = steps_m > 0
    assert is_found.sum() >= 6
    np.testing.assert_allclose(steps_m[is_found], MIDDLES_M[is_found] ** 2 / 351.3, rtol=0.3)
    others_m = depth_steps((351.3 / disparity).astype(np.float32))
    assert (others_m < 0.3 * steps_m)[is_found].all()


def test_rounding_is_not_averaged_out():
    """Readings that scatter less than half a step are not taken for as sure as they look."""
    stated, step_m = DepthNoise(0.0, 0.0, 0.004), 0.004 * MIDDLES_M**2
    noise = corrected_noise(stated, np.full(len(MIDDLES_M), 0.2), MIDDLES_M < 4, step_m)
    np.testing.assert_allclose(noise.sigma_m(MIDDLES_M[6:10]), 0.5 * step_m[6:10], rtol=0.1)


def test_errors_are_along_the_ray():
    slope = Slope()
    depth_m = slope.depth_m()
    frame = Frame(
        0,
        0.0,
        CAMERA,
        np.where(depth_m > 0, depth_m + 0.01, 0).astype(np.float32),
        None,
        DepthNoise(),
    )
    z, error_m = ray_errors(frame, slope.query, np.eye(4))
    assert len(z) > 300
    np.testing.assert_allclose(np.abs(error_m), 0.01, rtol=1e-3)


def test_nothing_changes_where_learning_is_off():
    sensor = SensorNoise(is_learned=False)
    frame = Frame(0, 0.0, CAMERA, Slope().depth_m(), None, DepthNoise.kinect_v1())
    assert sensor.corrected(frame) is frame
    sensor.observe(frame, Slope().query, np.eye(4))
    assert sensor.learned is None


def test_another_sensor_is_learned_anew():
    sensor = SensorNoise()
    frame = Frame(0, 0.0, CAMERA, Slope().depth_m(), None, DepthNoise.kinect_v1())
    for _ in range(30):
        sensor.observe(sensor.corrected(frame), Slope().query, np.eye(4))
    assert sensor.learned != DepthNoise.kinect_v1()
    other = dataclasses.replace(frame, depth_noise=DepthNoise(0.002, 0.0, 0.002))
    assert sensor.corrected(other).depth_noise == DepthNoise(0.002, 0.0, 0.002)


def test_what_was_learned_is_kept_for_the_same_statement():
    sensor = SensorNoise()
    frame = Frame(0, 0.0, CAMERA, Slope().depth_m(), None, DepthNoise.kinect_v1())
    assert sensor.arrays() == {}
    for _ in range(30):
        sensor.observe(sensor.corrected(frame), Slope().query, np.eye(4))
    resumed = SensorNoise(saved=sensor.arrays())
    assert resumed.corrected(frame).depth_noise == sensor.learned
    other = dataclasses.replace(frame, depth_noise=DepthNoise(0.002, 0.0, 0.002))
    resumed = SensorNoise(saved=sensor.arrays())
    assert resumed.corrected(other).depth_noise == other.depth_noise
