"""Laws of the pinhole camera and of the depth noise."""

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise

CAMERA = Camera(64, 48, 50.0, 55.0, 30.5, 24.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_project_undoes_unproject_in_the_depths_own_precision(dtype):
    rng = np.random.default_rng(0)
    depth_m = rng.uniform(0.1, 5.0, (48, 64)).astype(dtype)
    points = CAMERA.unproject_image(depth_m)
    assert points.dtype == dtype
    np.testing.assert_array_equal(points[..., 2], depth_m)
    u, v = CAMERA.project(points)
    rows, columns = np.mgrid[:48, :64]
    np.testing.assert_allclose(u, columns, atol=1e-4)
    np.testing.assert_allclose(v, rows, atol=1e-4)


def test_slopes_are_the_unprojection_at_one_metre():
    x, y = CAMERA.slopes()
    points = CAMERA.unproject_image(np.ones((48, 64)))
    np.testing.assert_array_equal(points[..., 0], np.tile(x, (48, 1)))
    np.testing.assert_array_equal(points[..., 1], np.tile(y[:, None], (1, 64)))


def test_an_image_ends_half_a_pixel_beyond_its_outer_centres():
    u = np.array([-0.6, -0.4, 63.4, 63.6])
    assert CAMERA.contains(u, np.zeros(4)).tolist() == [False, True, True, False]
    assert CAMERA.contains(np.zeros(2), np.array([47.4, 47.6])).tolist() == [True, False]


def test_points_behind_the_camera_have_finite_pixels():
    assert np.isfinite(CAMERA.project(np.array([[1.0, 1.0, -1.0], [0.0, 0.0, 0.0]]))).all()


def test_sigma_of_many_depths_is_that_of_each():
    noise = DepthNoise.kinect_v1()
    depths_m = np.array([0.5, 1.0, 4.0])
    np.testing.assert_array_equal(noise.sigma_m(depths_m), [noise.sigma_m(z) for z in depths_m])
    assert noise.sigma_m(depths_m.astype(np.float32)).dtype == np.float32


def test_range_is_where_sigma_reaches_its_limit():
    for noise in (
        DepthNoise.kinect_v1(),
        DepthNoise(0.0005, 0.0, 0.004),
        DepthNoise(0.001, 0.01, 0.0),
    ):
        range_m = noise.range_m(0.025)
        assert noise.sigma_m(range_m) == pytest.approx(0.025)
        assert noise.sigma_m(range_m + 0.1) > 0.025
    assert DepthNoise.rendered().range_m(0.025) > 40.0
    assert DepthNoise(0.001, 0.0, 0.0).range_m(0.025) == float("inf")
    assert DepthNoise(0.03, 0.0, 0.001).range_m(0.025) == 0.0
