"""Undistortion: the CPU against the reference, and images of a known lens against mathematics."""

import cv2
import numpy as np
import pytest

from kernels.lens import NO_DISTORTION
from kernels.undistort import undistort_color, undistort_depth, undistortion_table

from .conftest import with_both
from .test_register import LENSES, random_images

K = np.array([85.0, 84.0, 51.7, 38.9], np.float32)
SIZE = (79, 103)


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("size", [(2, 2), (3, 17), (60, 80), SIZE])
def test_undistort_like_reference(lens, size):
    random = np.random.default_rng(1)
    color = random.integers(0, 256, (*size, 3)).astype(np.uint8)
    _, depth_m = random_images(*size)
    table = undistortion_table(size, K, LENSES[lens])
    reference, cpu = with_both(lambda: undistort_color(color, table))
    assert cpu.dtype == reference.dtype == np.uint8
    assert np.abs(cpu.astype(int) - reference.astype(int)).max() <= 1
    reference, cpu = with_both(lambda: undistort_depth(depth_m, table))
    assert cpu.dtype == reference.dtype == np.float32
    np.testing.assert_array_equal(cpu, reference)


def test_a_lens_without_distortion_changes_nothing(backend: str):
    color, _ = random_images(*SIZE)
    _, depth_m = random_images(*SIZE)
    table = undistortion_table(SIZE, K, NO_DISTORTION)
    assert table.is_seen.all()
    np.testing.assert_array_equal(undistort_color(color, table), color)
    np.testing.assert_array_equal(undistort_depth(depth_m, table), depth_m)


def lens_directions(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the direction that each pixel of the lens images: Brown and Conrady, inverted."""
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    xd, yd = (u - K[2]) / K[0], (v - K[3]) / K[1]
    x, y = xd.copy(), yd.copy()
    for _ in range(200):  # the fixed point of OpenCV's undistortPoints
        r2 = x * x + y * y
        radial = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))
        dx = 2 * k[2] * x * y + k[3] * (r2 + 2 * x * x)
        dy = k[2] * (r2 + 2 * y * y) + 2 * k[3] * x * y
        x, y = (xd - dx) / radial, (yd - dy) / radial
    return x, y


def test_a_slanted_plane_lies_where_it_is(backend: str):
    """Depth of n . p = 1 as the lens sees it, undistorted, is that of the pinhole camera."""
    n = np.array([0.25, -0.15, 0.5])
    k = LENSES["brown_conrady"]
    x, y = lens_directions(k)
    table = undistortion_table(SIZE, K, k)
    found = undistort_depth((1.0 / (n[0] * x + n[1] * y + n[2])).astype(np.float32), table)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    wanted = 1.0 / (n[0] * (u - K[2]) / K[0] + n[1] * (v - K[3]) / K[1] + n[2])
    # half a pixel beyond the outermost readings, the outermost are taken
    is_between = cv2.erode(table.is_seen.astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0
    assert is_between.mean() > 0.8
    # the nearest reading is at most half a pixel away in either direction
    a_pixel = np.abs(np.gradient(wanted)).sum(axis=0)
    error_px = (np.abs(found - wanted) / a_pixel)[is_between]
    assert error_px.max() < 0.53  # and the plane is not linear in depth
    assert error_px.mean() < 0.26
    assert (found[~table.is_seen] == 0).all()


def test_no_depth_is_made_up_at_an_edge(backend: str):
    depth_m = np.full(SIZE, 3.0, np.float32)
    depth_m[20:50, 30:60] = 1.0
    depth_m[55:60] = 0.0
    table = undistortion_table(SIZE, K, LENSES["fisheye"])
    found = undistort_depth(depth_m, table)
    assert set(np.round(np.unique(found), 6)) == {0.0, 1.0, 3.0}


def test_color_follows_the_lens(backend: str):
    """The image holds its own column: what comes back is where each pixel was looked up."""
    color = np.repeat(np.tile(2 * np.arange(103, dtype=np.uint8), (79, 1))[..., None], 3, axis=2)
    k = LENSES["brown_conrady"]
    table = undistortion_table(SIZE, K, k)
    found = undistort_color(color, table)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    x, y = (u - K[2]) / K[0], (v - K[3]) / K[1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))
    there = K[0] * (x * radial + 2 * k[2] * x * y + k[3] * (r2 + 2 * x * x)) + K[2]
    wanted = 2 * np.clip(there, 0, 102)
    # also beyond the border, which goes on
    assert np.abs(found[..., 0] - wanted).max() <= 0.5 + 2 / 128


def test_a_polynomial_that_turns_back_shows_nothing_twice():
    """Where r (1 - r^2) falls again, at r^2 = 1 / 3, the lens images what it has imaged before."""
    k = np.array([-1.0, 0, 0, 0, 0, 0, 0, 0, 0, 1 / 3], np.float32)
    table = undistortion_table(SIZE, K, k)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    r2 = ((u - K[2]) / K[0]) ** 2 + ((v - K[3]) / K[1]) ** 2
    np.testing.assert_array_equal(table.is_seen, r2 <= np.float32(1 / 3))


def test_what_is_wrong_is_named():
    table = undistortion_table(SIZE, K, LENSES["fisheye"])
    with pytest.raises(ValueError, match="color must be uint8"):
        undistort_color(np.zeros((10, 10, 3), np.uint8), table)
    with pytest.raises(ValueError, match="depth_m must be float32"):
        undistort_depth(np.zeros(SIZE, np.float64), table)
    with pytest.raises(ValueError, match="image_size must be at least"):
        undistortion_table((1, 5), K, NO_DISTORTION)
