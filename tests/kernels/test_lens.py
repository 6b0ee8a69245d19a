"""The lens models: against the libraries that their coefficients come from."""

import cv2
import numpy as np
import pytest

from kernels.lens import BROWN_CONRADY, F_THETA, FISHEYE, NO_LIMIT, TANGENTIAL_AFTER_RADIAL
from kernels.reference.lens import distort


def distortion(model: int, *coefficients: float) -> np.ndarray:
    values = np.zeros(10, np.float32)
    values[: len(coefficients)] = coefficients
    values[8:] = model, NO_LIMIT
    return values


def directions(half_width: float) -> np.ndarray:
    """Return directions (n, 3) with z = 1, the axis among them."""
    x = np.linspace(-half_width, half_width, 9)
    grid = np.stack(np.meshgrid(x, 0.8 * x), axis=-1).reshape(-1, 2)
    return np.append(grid, np.ones((len(grid), 1)), axis=1)


@pytest.mark.parametrize(
    "coefficients",
    [
        (0.26, -0.95, -0.0054, 0.0026, 1.16),
        (0.9, -0.2, 1e-3, 2e-3, 0.1, 0.8, -0.1, 0.05),
    ],
)
def test_brown_conrady_is_that_of_opencv(coefficients):
    rays = directions(0.7)
    k = distortion(BROWN_CONRADY, *coefficients)
    wanted, _ = cv2.projectPoints(
        rays, np.zeros(3), np.zeros(3), np.eye(3), k[: len(coefficients)].astype(np.float64)
    )
    found = np.stack(distort(rays[:, 0], rays[:, 1], k), axis=-1)
    np.testing.assert_allclose(found, wanted[:, 0], atol=1e-9)


def test_fisheye_is_that_of_opencv():
    rays = directions(2.5)
    k = distortion(FISHEYE, 0.05, -0.02, 0.01, -0.003)
    wanted, _ = cv2.fisheye.projectPoints(
        rays[:, None], np.zeros(3), np.zeros(3), np.eye(3), k[:4].astype(np.float64)
    )
    found = np.stack(distort(rays[:, 0], rays[:, 1], k), axis=-1)
    np.testing.assert_allclose(found, wanted[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "model", "coefficients"),
    [
        ("modified_brown_conrady", TANGENTIAL_AFTER_RADIAL, (0.1, -0.2, 0.003, -0.002, 0.05)),
        ("inverse_brown_conrady", TANGENTIAL_AFTER_RADIAL, (-0.05, 0.06, 0.001, 0.0005, -0.02)),
        ("brown_conrady", BROWN_CONRADY, (0.1, -0.2, 0.003, -0.002, 0.05)),
        ("ftheta", F_THETA, (0.93, 0.0, 0.0, 0.0, 0.0)),
        ("kannala_brandt4", FISHEYE, (0.05, -0.02, 0.01, -0.003, 0.0)),
    ],
)
def test_projection_is_that_of_realsense(name, model, coefficients):
    rs = pytest.importorskip("pyrealsense2")
    intrinsics = rs.intrinsics()
    intrinsics.width = intrinsics.height = 2
    intrinsics.fx = intrinsics.fy = 1.0
    intrinsics.ppx = intrinsics.ppy = 0.0
    intrinsics.model, intrinsics.coeffs = getattr(rs.distortion, name), list(coefficients)
    rays = directions(0.6)
    wanted = [rs.rs2_project_point_to_pixel(intrinsics, list(ray)) for ray in rays]
    found = np.stack(distort(rays[:, 0], rays[:, 1], distortion(model, *coefficients)), axis=-1)
    np.testing.assert_allclose(found, wanted, atol=2e-6)  # the SDK computes in float32
