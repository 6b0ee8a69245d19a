"""Depth preparation: the CPU against the reference, and planes against mathematics."""

from dataclasses import replace

import numpy as np

from kernels.depth import (
    NO_GRADIENT,
    halve_depth,
    inverse_depth_gradient,
    mark_edges,
    normals,
    point_cloud,
)
from kernels.reference.depth import jump_threshold
from slam.geometry import inverse

from .conftest import NOISE, SMALL_CAMERA, View, camera_rays, plane_view, random_pose

LONG_CAMERA = replace(SMALL_CAMERA, fx=130.0, fy=133.0)  # neighbours differ by less than 2.5 %


def random_depth(h: int, w: int, seed: int = 0) -> np.ndarray:
    """Return smooth depth with steps, noise around the jump threshold, and a tenth missing."""
    random = np.random.default_rng(seed)
    v, u = np.mgrid[:h, :w]
    depth_m = 1.5 + 0.01 * u + 0.005 * v + 0.8 * (np.sin(0.3 * u) > 0.5)
    depth_m = depth_m + 0.03 * random.normal(size=(h, w)) * (v % 11 < 4)
    return np.where(random.random((h, w)) < 0.1, 0.0, depth_m).astype(np.float32)


def slanted_view(seed: int) -> tuple[View, np.ndarray, float]:
    """Return a view of a plane, and the plane n . p = d in the camera's frame: n and d."""
    normal = np.array([0.45, -0.3, 0.84]) / np.linalg.norm([0.45, -0.3, 0.84])
    T = random_pose(seed)
    T[:3, 3] = 0.0
    normal_world = T[:3, :3] @ normal
    view = plane_view(LONG_CAMERA, T, normal_world, 1.3)
    R = inverse(T)[:3, :3]
    return view, R @ normal_world, 1.3


def test_pyramid_of_a_plane_is_that_plane(backend: str):
    """Inverse depth is linear there: the harmonic mean of 2 x 2 pixels is that at their middle."""
    view, normal, distance_m = slanted_view(0)
    assert (view.depth_m > 0).all()
    depth_m, camera = view.depth_m, view.camera
    for _ in range(2):
        depth_m, camera = halve_depth(depth_m, NOISE), camera.scaled(0.5)
        expected = distance_m / (camera_rays(camera) @ normal)
        np.testing.assert_allclose(depth_m, expected, rtol=5e-7)  # float32 of depth, sum, quotient


def test_gradient_of_a_plane_is_exact(backend: str):
    view, normal, distance_m = slanted_view(1)
    gradient = inverse_depth_gradient(view.depth_m, NOISE)
    expected = normal[:2] / distance_m / [view.camera.fx, view.camera.fy]
    # each 1/z < 1.2 carries half an ulp of depth and one of its own: 1.2e-7 in all, and at the
    # border, where the difference spans one pixel instead of two, twice that
    np.testing.assert_allclose(gradient - expected, 0.0, atol=5e-7)


def test_normals_of_a_plane_are_exact(backend: str):
    view, normal, _ = slanted_view(2)
    quarter = halve_depth(halve_depth(view.depth_m, NOISE), NOISE)
    camera = view.camera.scaled(0.25)
    found = normals(quarter, inverse_depth_gradient(quarter, NOISE), camera.intrinsics)
    # the slope carries 1.2e-7, times fx = 33 and d = 1.3: 5e-6
    np.testing.assert_allclose(found - normal, 0.0, atol=2e-5)


def test_normals_point_away_from_the_camera(backend: str):
    """The plane of a pixel passes through the pixel's own point: n . p > 0."""
    depth_m = random_depth(60, 80)
    gradient = inverse_depth_gradient(depth_m, NOISE)
    found = normals(depth_m, gradient, SMALL_CAMERA.intrinsics)
    along = (found * camera_rays(SMALL_CAMERA)).sum(axis=-1)
    assert (along[depth_m > 0] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0, atol=3e-7)


def test_no_pixel_mixes_two_surfaces(backend: str):
    """Steps at every phase of the squares: a halved pixel has one surface's depth, or none."""
    near_m, far_m = np.float32(1.0), np.float32(1.4)
    u = np.arange(40)
    for edge in range(8, 12):
        for slope in (0, 1):
            v = np.arange(40)[:, None]
            depth_m = np.where(u + slope * v // 2 < edge + 10, near_m, far_m).astype(np.float32)
            halved = halve_depth(np.ascontiguousarray(depth_m), NOISE)
            is_one = np.isclose(halved, near_m) | np.isclose(halved, far_m) | (halved == 0)
            assert is_one.all()
            assert (halved > 0).mean() > 0.9


def test_jump_has_the_gradient_of_its_own_side_and_is_marked(backend: str):
    depth_m = np.full((16, 24), 1.0, np.float32)
    depth_m[:, 12:] = 1.0 + 2.0 * float(jump_threshold(np.float64(1.0), NOISE))
    depth_m[5, 4] = 0.0
    gradient = inverse_depth_gradient(depth_m, NOISE)
    assert (gradient[5, 4] == NO_GRADIENT).all()
    gradient[5, 4] = 0
    assert (gradient == 0).all()
    marked = mark_edges(depth_m, NOISE)[:-1].reshape(16, 24) < 0
    expected = np.zeros((16, 24), bool)
    expected[:, 11:13] = True  # the hole marks nothing
    np.testing.assert_array_equal(marked, expected)


def test_slanted_plane_has_a_gradient_everywhere(backend: str):
    """First differences as large as jumps are none where they go on evenly."""
    normal = np.array([0.8, 0.0, 0.6])
    view = plane_view(SMALL_CAMERA.scaled(0.25), np.eye(4), normal, 1.0)
    depth_m = np.ascontiguousarray(view.depth_m[:, 10:])  # where it comes near
    threshold_m = jump_threshold(depth_m[:, 1:-1].astype(np.float64), NOISE)
    assert (np.abs(depth_m[:, 2:] - depth_m[:, 1:-1]) > threshold_m).any()
    assert (inverse_depth_gradient(depth_m, NOISE)[1:-1, 1:-1] != NO_GRADIENT).all()


def test_points_of_a_plane_lie_on_it(backend: str):
    """And the noise along its normal is that of depth times the cosine of incidence."""
    view, normal, distance_m = slanted_view(4)
    gradient = inverse_depth_gradient(view.depth_m, NOISE)
    points, sigma_m = point_cloud(view.depth_m, gradient, view.camera.intrinsics, NOISE)
    assert len(points) == 60 * 80
    np.testing.assert_allclose(points @ normal, distance_m, rtol=1e-6)
    cosine = distance_m / np.linalg.norm(points, axis=1)
    expected_m = (NOISE[0] + NOISE[1] * points[:, 2]) * cosine
    # the slope carries 2e-7, times fx = 130 and z = 2: 5e-5
    np.testing.assert_allclose(sigma_m, expected_m, rtol=2e-4)


def test_wall_seen_face_on_is_all_points(backend: str):
    """Its normals are (0, 0, 1), like those that are missing."""
    depth_m = np.full((60, 80), 1.5, np.float32)
    gradient = inverse_depth_gradient(depth_m, NOISE)
    points, _ = point_cloud(depth_m, gradient, SMALL_CAMERA.intrinsics, NOISE)
    assert len(points) == 60 * 80
