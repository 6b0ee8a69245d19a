"""Laws of SE(3)."""

import numpy as np
import pytest
from scipy.linalg import expm

from slam.geometry import (
    inverse,
    is_elsewhere,
    orthonormalise,
    quaternion_xyzw_from_rotation,
    rotation_angle_rad,
    se3_exp,
    se3_log,
    skew,
    so3_exp,
    so3_log,
    transform_from_quaternion,
    transform_points,
)

# From far below the switch to the series, over it, to just below and at pi.
ANGLES_RAD = [
    0.0,
    1e-12,
    1e-9,
    2e-8,
    0.9e-5,
    1.1e-5,
    1e-3,
    0.99e-2,
    1.01e-2,
    0.7,
    2.5,
    np.pi - 1e-4,
    np.pi - 1e-9,
]


def assert_close(actual: np.ndarray, expected: np.ndarray, atol: float) -> None:
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=0.0)


def random_transforms(num: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [se3_exp(random.normal(size=6)) for _ in range(num)]


def random_axis(seed: int) -> np.ndarray:
    axis = np.random.default_rng(seed).normal(size=3)
    return axis / np.linalg.norm(axis)


def test_skew_is_the_cross_product():
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    assert_close(skew(a) @ b, np.cross(a, b), atol=1e-15)


@pytest.mark.parametrize("angle_rad", ANGLES_RAD)
@pytest.mark.parametrize("seed", range(3))
def test_log_undoes_exp(angle_rad, seed):
    twist = np.concatenate([random_axis(seed + 10), angle_rad * random_axis(seed)])
    assert_close(se3_log(se3_exp(twist)), twist, atol=1e-11)
    assert_close(so3_log(so3_exp(twist[3:])), twist[3:], atol=1e-12)


@pytest.mark.parametrize("angle_rad", ANGLES_RAD)
def test_exp_is_the_matrix_exponential(angle_rad):
    twist = np.concatenate([random_axis(1), angle_rad * random_axis(2)])
    generator = np.zeros((4, 4))
    generator[:3, :3], generator[:3, 3] = skew(twist[3:]), twist[:3]
    assert_close(se3_exp(twist), expm(generator), atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_half_turn_has_a_log(seed):
    R = so3_exp(np.pi * random_axis(seed))
    assert_close(so3_exp(so3_log(R)), R, atol=1e-12)
    assert rotation_angle_rad(R) == pytest.approx(np.pi, abs=1e-12)


@pytest.mark.parametrize("angle_rad", ANGLES_RAD)
def test_exp_is_a_rotation_that_keeps_its_axis(angle_rad):
    axis = random_axis(3)
    R = so3_exp(angle_rad * axis)
    assert_close(R @ R.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(R) == pytest.approx(1.0)
    assert_close(R @ axis, axis, atol=1e-14)
    assert rotation_angle_rad(R) == pytest.approx(angle_rad, abs=1e-12)


def test_exp_of_a_split_twist_composes():
    twist = np.random.default_rng(4).normal(size=6)
    assert_close(se3_exp(0.3 * twist) @ se3_exp(0.7 * twist), se3_exp(twist), atol=1e-14)


def test_group_axioms():
    A, B, C = random_transforms(3)
    assert_close((A @ B) @ C, A @ (B @ C), atol=1e-13)
    assert_close(A @ inverse(A), np.eye(4), atol=1e-14)
    assert_close(inverse(A @ B), inverse(B) @ inverse(A), atol=1e-13)


def test_points_follow_the_product():
    A, B = random_transforms(2)
    points = np.random.default_rng(1).normal(size=(20, 3))
    mapped = transform_points(A, transform_points(B, points))
    assert_close(transform_points(A @ B, points), mapped, atol=1e-13)
    assert transform_points(A, points.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("angle_rad", ANGLES_RAD)
def test_quaternion_roundtrip(angle_rad):
    T = se3_exp(np.concatenate([[1.0, 2.0, 3.0], angle_rad * random_axis(5)]))
    quaternion_xyzw = quaternion_xyzw_from_rotation(T[:3, :3])
    assert np.linalg.norm(quaternion_xyzw) == pytest.approx(1.0)
    assert quaternion_xyzw[3] >= 0.0
    assert_close(transform_from_quaternion(T[:3, 3], quaternion_xyzw), T, atol=1e-14)
    scaled = transform_from_quaternion(T[:3, 3], -3.0 * quaternion_xyzw)
    assert_close(scaled, T, atol=1e-14)


def test_quaternion_order_is_xyzw():
    quarter_about_z = np.array([0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])
    T = transform_from_quaternion(np.zeros(3), quarter_about_z)
    assert_close(T[:3, :3] @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-15)


def test_orthonormalise_undoes_small_noise():
    (T,) = random_transforms(1)
    noisy = T.copy()
    noisy[:3, :3] += 1e-6 * np.random.default_rng(2).normal(size=(3, 3))
    result = orthonormalise(noisy)
    assert_close(result[:3, :3] @ result[:3, :3].T, np.eye(3), atol=1e-14)
    assert_close(result, T, atol=1e-5)
    assert_close(orthonormalise(T), T, atol=1e-14)


@pytest.mark.parametrize(("way_m", "turn_rad"), [(0.09, 0.19), (0.11, 0.0), (0.0, 0.21)])
def test_elsewhere_is_farther_or_turned_more(way_m, turn_rad):
    """Wherever the two poses are, and whichever way round they are asked for."""
    for T_world_a in random_transforms(3):
        T_a_b = se3_exp(np.array([0.0, way_m, 0.0, 0.0, turn_rad, 0.0]))  # a turn about the way
        for pair in ((T_world_a, T_world_a @ T_a_b), (T_world_a @ T_a_b, T_world_a)):
            assert is_elsewhere(*pair, 0.1, 0.2) == (way_m > 0.1 or turn_rad > 0.2)
