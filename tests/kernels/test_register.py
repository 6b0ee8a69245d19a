"""Registration: the CPU against the reference, and two cameras against mathematics."""

import cv2
import numpy as np
import pytest

from kernels.lens import NO_DISTORTION
from kernels.reference.lens import distort
from kernels.register import ColorCamera, register_color
from slam.geometry import se3_exp

from .conftest import with_both

K_DEPTH = np.array([60.0, 62.0, 39.3, 30.4], np.float32)
K_COLOR = np.array([85.0, 84.0, 51.7, 38.9], np.float32)
DISTORTION = np.array([0.12, -0.2, 0.003, -0.002, 0.05, 0.0, 0.0, 0.0, 0.0, 1e9], np.float32)
LENSES = {
    "brown_conrady": DISTORTION,
    "rational": np.array([0.9, -0.2, 1e-3, 2e-3, 0.1, 0.8, -0.1, 0.05, 0.0, 1e9], np.float32),
    "after_radial": np.array([0.12, -0.2, 0.003, -0.002, 0.05, 0, 0, 0, 1.0, 0.45], np.float32),
    "fisheye": np.array([0.05, -0.02, 0.01, -0.003, 0, 0, 0, 0, 2.0, 1e9], np.float32),
    "f_theta": np.array([0.93, 0, 0, 0, 0, 0, 0, 0, 3.0, 0.5], np.float32),
}


def beside(x_m: float, distortion: np.ndarray = NO_DISTORTION) -> ColorCamera:
    """A colour camera whose frame adds x_m to x."""
    T = np.eye(4, dtype=np.float32)[:3].copy()
    T[0, 3] = x_m
    return ColorCamera(K_COLOR, distortion, T)


def random_images(h: int, w: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return smooth colour, and depth with steps and gaps."""
    random = np.random.default_rng(seed)
    color = random.integers(0, 256, (8, 10, 3)).astype(np.uint8)
    color = cv2.resize(color, (103, 79), interpolation=cv2.INTER_CUBIC)
    v, u = np.mgrid[:h, :w]
    depth_m = 1.0 + 0.004 * v + 0.7 * (np.sin(0.2 * u + 0.1 * v) > 0.3)
    depth_m[(random.random((h, w)) < 0.1) | (np.abs(u - 0.4 * w) < 2)] = 0.0
    if h > 3:
        depth_m[3] = 0.0
    return color, depth_m.astype(np.float32)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (0, 5), (7, 1), (17, 31), (60, 80)])
@pytest.mark.parametrize("x_m", [-0.1, 0.0, 0.1])
@pytest.mark.parametrize("lens", LENSES)
def test_register_color_like_reference(size, x_m, lens):
    color, depth_m = random_images(*size)
    distortion = LENSES[lens]
    T = se3_exp(np.array([x_m, 0.01, -0.005, 0.01, -0.02, 0.015]))[:3].astype(np.float32)
    camera = ColorCamera(K_COLOR, distortion, T)
    (reference, seen), (cpu, cpu_seen) = with_both(
        lambda: register_color(color, depth_m, K_DEPTH, camera)
    )
    assert cpu_seen.dtype == seen.dtype == bool
    assert (cpu_seen != seen).sum() <= 2e-3 * seen.size
    assert cpu.shape == reference.shape == (*size, 3)
    assert cpu.dtype == reference.dtype == np.uint8
    # weights of 1/256: three roundings of half a weight, times the contrast of neighbours, < 60
    is_off = np.abs(cpu.astype(int) - reference.astype(int)) > 1
    assert is_off.mean() <= 2e-3 if is_off.size else True  # order within rounding of its tolerance


def test_one_camera_gives_the_image_itself(backend: str):
    color, depth_m = random_images(79, 103)
    camera = ColorCamera(K_COLOR, NO_DISTORTION, np.eye(4, dtype=np.float32)[:3].copy())
    found, _ = register_color(color, depth_m, K_COLOR, camera)
    np.testing.assert_allclose(found.astype(int), color, atol=1)


@pytest.mark.parametrize("x_m", [-0.05, 0.05])
def test_a_wall_is_shifted_by_its_disparity(backend: str, x_m: float):
    """The colour image holds its own column: what comes back is where each pixel was looked up."""
    z = 0.8
    color = np.repeat(np.tile(np.arange(103, dtype=np.uint8), (79, 1))[..., None], 3, axis=2)
    depth_m = np.full((60, 80), z, np.float32)
    depth_m[20:30, 30:35] = 0.0  # a gap is filled: colour has no holes
    found, _ = register_color(color, depth_m, K_DEPTH, beside(x_m))
    u = (np.arange(80) - K_DEPTH[2]) / K_DEPTH[0]
    expected = np.clip(K_COLOR[0] * (u + x_m / z) + K_COLOR[2], 0, 102)
    assert np.abs(found[:, :, 0] - expected).max() <= 0.51 + 1 / 256  # rounded to whole columns


def test_distortion_moves_a_point_as_the_lens_does(backend: str):
    color = np.repeat(np.tile(2 * np.arange(103, dtype=np.uint8), (79, 1))[..., None], 3, axis=2)
    depth_m = np.full((60, 80), 1.0, np.float32)
    found, _ = register_color(color, depth_m, K_DEPTH, beside(0.0, DISTORTION))
    v, u = np.mgrid[:60, :80]
    x, _ = distort((u - K_DEPTH[2]) / K_DEPTH[0], (v - K_DEPTH[3]) / K_DEPTH[1], DISTORTION)
    expected = 2.0 * np.clip(K_COLOR[0] * x + K_COLOR[2], 0, 102)
    assert np.abs(found[:, :, 0] - expected).max() <= 0.51 + 2 / 256


@pytest.mark.parametrize("x_m", [-0.06, 0.06])
def test_a_hidden_wall_does_not_take_the_color_of_what_hides_it(backend: str, x_m: float):
    """A red plate before a blue wall, each camera's view computed exactly."""
    near_m, far_m = 0.7, 2.0
    edges_m = np.array([-0.1, 0.12])  # of the plate, in the depth camera's x

    def is_plate(num_columns, K, shift_m):
        x = (np.arange(num_columns) - K[2]) / K[0] * near_m - shift_m
        return (x >= edges_m[0]) & (x <= edges_m[1])

    plate_in_depth, plate_in_color = is_plate(80, K_DEPTH, 0.0), is_plate(103, K_COLOR, x_m)
    depth_m = np.tile(np.where(plate_in_depth, near_m, far_m).astype(np.float32), (60, 1))
    color = np.zeros((79, 103, 3), np.uint8)
    color[:, plate_in_color, 0] = 255
    color[:, ~plate_in_color, 2] = 255
    found, _ = register_color(color, depth_m, K_DEPTH, beside(x_m))
    is_red = found[..., 0] > 127
    beside_edge = np.flatnonzero(np.diff(plate_in_depth.astype(int)))
    is_edge = np.zeros(80, bool)
    is_edge[np.concatenate([beside_edge, beside_edge + 1])] = True
    wanted = np.tile(plate_in_depth, (60, 1))
    np.testing.assert_array_equal(is_red[:, ~is_edge], wanted[:, ~is_edge])
    # without the order test the shadow is red: it is wider than the edge that was left out
    shadow_px = K_DEPTH[0] * abs(x_m) * (1 / near_m - 1 / far_m)
    assert shadow_px > 3


def test_what_is_wrong_is_named():
    color, depth_m = random_images(60, 80)
    with pytest.raises(ValueError, match="color must be uint8"):
        register_color(color[..., :2], depth_m, K_DEPTH, beside(0.0))
    with pytest.raises(ValueError, match="color must have pixels"):
        register_color(color[:0], depth_m, K_DEPTH, beside(0.0))
    with pytest.raises(ValueError, match="distortion must be float32"):
        register_color(color, depth_m, K_DEPTH, beside(0.0, DISTORTION[:5]))


def test_seen_is_what_projects_into_the_image(backend: str):
    color, _ = random_images(79, 103)
    depth_m = np.full((60, 80), 1.5, np.float32)
    K = np.array([120.0, 121.0, 50.0, 40.0], np.float32)  # narrower than the depth camera
    T = np.eye(4, dtype=np.float32)[:3].copy()
    T[1, 3] = 0.02
    _, is_seen = register_color(color, depth_m, K_DEPTH, ColorCamera(K, NO_DISTORTION, T))
    v, u = np.mgrid[:60, :80]
    x = K[0] * (u - K_DEPTH[2]) / K_DEPTH[0] + K[2]
    y = K[1] * ((v - K_DEPTH[3]) / K_DEPTH[1] + 0.02 / 1.5) + K[3]
    wanted = (x > -0.5) & (x < 102.5) & (y > -0.5) & (y < 78.5)
    assert 0.3 < wanted.mean() < 0.9
    np.testing.assert_array_equal(is_seen, wanted)
