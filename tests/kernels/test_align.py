"""Normal equations against numerical derivatives; `test_cases` compares CPU and definition."""

from collections.abc import Callable

import numpy as np
import pytest

from kernels.align import NormalEquations, align_photometric, align_projective, align_sdf
from slam.camera import Camera
from slam.geometry import inverse, rotation_angle_rad, se3_exp

from .conftest import camera_rays

CAMERA = Camera(120, 90, 100.0, 102.0, 59.3, 44.8)
NO_LIMIT = 1e6  # a robust scale, or a distance, that never bites


def numeric_equations(
    residuals_over_sigma: Callable[[np.ndarray], np.ndarray], scale: float
) -> NormalEquations:
    """Return the equations of residuals, a function of the twist, by central differences."""
    step = 1e-5
    steps = step * np.eye(6)
    columns = [residuals_over_sigma(s) - residuals_over_sigma(-s) for s in steps]
    J = np.stack(columns, axis=1) / (2 * step)
    e = residuals_over_sigma(np.zeros(6))
    w = 1 / (1 + (e / scale) ** 2)
    H, b = J.T @ (w[:, None] * J), J.T @ (w * e)
    return NormalEquations(H, b, float(w @ e**2), float(w.sum()), float(w @ e), len(e))


def assert_close(actual: NormalEquations, expected: NormalEquations, rtol: float):
    """Compare every entry with the size that its row and column give it."""
    assert actual.count == expected.count
    size = np.sqrt(np.maximum(np.diag(expected.H), 1e-12))
    np.testing.assert_allclose(
        actual.H / np.outer(size, size), expected.H / np.outer(size, size), atol=rtol
    )
    norm = np.sqrt(expected.squared_error) + 1e-12
    np.testing.assert_allclose(actual.b / (size * norm), expected.b / (size * norm), atol=rtol)
    np.testing.assert_allclose(actual.squared_error, expected.squared_error, rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(actual.weight, expected.weight, rtol=rtol)
    total = norm * np.sqrt(max(expected.weight, 1.0))
    np.testing.assert_allclose(actual.signed_error, expected.signed_error, atol=rtol * total)


def test_numeric_equations_find_the_derivative():
    """The check itself, on the sum of squares: b is half of its derivative."""
    points = np.random.default_rng(0).normal(size=(50, 3))

    def residuals(twist: np.ndarray) -> np.ndarray:
        return (points @ se3_exp(twist)[:3, :3].T + se3_exp(twist)[:3, 3])[:, 0] ** 2

    equations = numeric_equations(residuals, NO_LIMIT)
    for k in range(6):
        up, down = (float((residuals(s * np.eye(6)[k]) ** 2).sum()) for s in (1e-5, -1e-5))
        np.testing.assert_allclose((up - down) / 4e-5, equations.b[k], rtol=1e-5, atol=1e-6)


def cloud(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points in front of the camera, and their standard deviations."""
    random = np.random.default_rng(seed)
    points = random.uniform([-0.5, -0.4, 0.8], [0.5, 0.4, 2.5], (num, 3)).astype(np.float32)
    return points, random.uniform(0.002, 0.01, num).astype(np.float32)


POSE = se3_exp(np.array([0.3, -0.2, 0.5, 0.4, -0.7, 0.2]))
SMALL_POSE = se3_exp(np.array([0.02, -0.03, 0.01, 0.02, -0.01, 0.03]))


def float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


@pytest.mark.parametrize("scale", [NO_LIMIT, 3.0])
def test_sdf_equations_are_the_derivative(backend: str, scale: float):
    """A plane's distance, scaled as a badly scaled map might: the residual is the true distance."""
    points, sigma_m = cloud(700)
    normal = np.array([0.6, -0.48, 0.64])

    def world(twist: np.ndarray) -> np.ndarray:
        T = POSE @ se3_exp(twist)
        return points @ T[:3, :3].T + T[:3, 3]

    offset_m = float(np.median(world(np.zeros(6)) @ normal))
    stretch = np.random.default_rng(1).uniform(0.5, 1.5, 700)

    def residuals(twist: np.ndarray) -> np.ndarray:
        return (world(twist) @ normal - offset_m) / sigma_m

    sdf_m = float32((world(np.zeros(6)) @ normal - offset_m) * stretch)
    gradient = float32(normal * stretch[:, None])
    valid = np.ones(700, bool)
    R = float32(POSE[:3, :3])
    actual = align_sdf(points, sigma_m, sdf_m, gradient, valid, R, scale, NO_LIMIT)
    # float32 entries: 1e-6 of distances up to 1 m over 2 mm; sums of chunks of 512: 512 x 6e-8 at
    # worst
    assert_close(actual, numeric_equations(residuals, scale), rtol=5e-5)


@pytest.mark.parametrize("scale", [NO_LIMIT, 3.0])
def test_projective_equations_are_the_derivative(backend: str, scale: float):
    """Against a slanted plane the residual is the same whichever pixel is met."""
    normal = np.array([0.36, -0.48, 0.8])
    depth_m = 1.4 / (camera_rays(CAMERA) @ normal)
    model_points = float32(camera_rays(CAMERA) * depth_m[..., None])
    model_normals = float32(np.broadcast_to(-normal, model_points.shape))
    random = np.random.default_rng(0)
    pixel = random.integers([10, 10], [80, 110], (600, 2))
    T = SMALL_POSE
    in_model = model_points[pixel[:, 0], pixel[:, 1]] + random.normal(size=(600, 3)) * 0.02
    points = float32(in_model @ inverse(T)[:3, :3].T + inverse(T)[:3, 3])
    sigma_m = cloud(600)[1]

    def residuals(twist: np.ndarray) -> np.ndarray:
        T_new = T @ se3_exp(twist)
        return -((points @ T_new[:3, :3].T + T_new[:3, 3]) @ normal - 1.4) / sigma_m

    actual = align_projective(
        points, sigma_m, model_points, model_normals, CAMERA.intrinsics, float32(T), scale, NO_LIMIT
    )
    # difference of float32 points at 2 m: 3e-7 m over 2 mm
    assert_close(actual, numeric_equations(residuals, scale), rtol=3e-4)


@pytest.mark.parametrize("scale", [NO_LIMIT, 3.0])
def test_photometric_equations_are_the_derivative(backend: str, scale: float):
    """An image that is bilinear as a whole is interpolated exactly."""
    points, _ = cloud(800)
    v, u = np.mgrid[:90, :120]
    image = float32(20 + 0.7 * u + 1.1 * v - 0.004 * u * v)
    intensities = np.random.default_rng(2).uniform(0, 255, 800).astype(np.float32)
    T_camera_keyframe = SMALL_POSE
    in_camera = points @ T_camera_keyframe[:3, :3].T + T_camera_keyframe[:3, 3]
    x, y = (in_camera[:, :2] / in_camera[:, 2:] * [CAMERA.fx, CAMERA.fy] + [CAMERA.cx, CAMERA.cy]).T
    is_inside = (x >= 1) & (x < 118) & (y >= 1) & (y < 88)
    assert 0.5 < is_inside.mean() < 1.0

    def residuals(twist: np.ndarray) -> np.ndarray:
        T = inverse(se3_exp(twist)) @ T_camera_keyframe  # T_world_camera moves by exp(twist)
        p = (points @ T[:3, :3].T + T[:3, 3])[is_inside]
        u = p[:, 0] / p[:, 2] * CAMERA.fx + CAMERA.cx
        v = p[:, 1] / p[:, 2] * CAMERA.fy + CAMERA.cy
        return (20 + 0.7 * u + 1.1 * v - 0.004 * u * v - intensities[is_inside] - 5.0) / 4.0

    depth_m = np.zeros_like(image)  # nothing hides anything
    actual = align_photometric(
        points, intensities, image, depth_m, CAMERA.intrinsics, float32(T_camera_keyframe),
        5.0, 4.0, scale,
    )  # fmt: skip
    # float32 places a pixel to 1e-5, and differences of image values of 100 carry 1e-5 of a
    # gradient of 1
    assert_close(actual, numeric_equations(residuals, scale), rtol=1e-4)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (3, 4), (2, 90)])
def test_images_without_an_inside_give_nothing(backend: str, size: tuple[int, int]):
    points, sigma_m = cloud(100)
    image = np.ones(size, np.float32)
    intrinsics = np.array([100, 100, size[1] / 2, size[0] / 2], np.float32)
    pose = np.eye(4, dtype=np.float32)
    equations = align_photometric(points, sigma_m, image, image, intrinsics, pose, 0.0, 1.0, 3.0)
    assert equations.count == 0
    assert not equations.H.any()
    nothing = np.zeros((*size, 3), np.float32)
    equations = align_projective(points, sigma_m, nothing, nothing, intrinsics, pose, 3.0, 1.0)
    assert equations.count == 0


def test_residuals_beyond_the_limits_are_left_out(backend: str):
    points, sigma_m = cloud(6)
    gradient = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0.29], [0, 0, 2], [0, 0, 2], [0, 1, 0]])
    sdf_m = float32(np.array([0.09, 0.11, 0.0, 0.19, -0.21, 0.0]))
    is_valid = np.array([True, True, True, True, True, False])
    R = np.eye(3, dtype=np.float32)
    arguments = (points, sigma_m, sdf_m, float32(gradient), is_valid, R, 3.0, 0.1)
    assert align_sdf(*arguments).count == 2
    with pytest.raises(ValueError, match="sigma_m"):
        align_sdf(points, sigma_m[:5], *arguments[2:])


def test_hidden_points_are_left_out(backend: str):
    """Hidden by more than 3 cm + 2 %: 0.07 m at 2 m.

    In front of what is seen, or where nothing is, a point counts.
    """
    seen_m = [1.92, 1.94, 2.5, 0.0]
    points = np.tile(np.array([0.0, 0.0, 2.0], np.float32), (1, 1))
    pose = np.eye(4, dtype=np.float32)
    image = np.zeros((90, 120), np.float32)
    counts = []
    for z in seen_m:
        depth_m = np.full((90, 120), z, np.float32)
        grey = np.zeros(1, np.float32)
        equations = align_photometric(
            points, grey, image, depth_m, CAMERA.intrinsics, pose, 0.0, 1.0, 3.0
        )
        counts.append(equations.count)
    assert counts == [0, 1, 1, 1]


def converge(equations: Callable[[np.ndarray], NormalEquations], T: np.ndarray, num: int):
    for _ in range(num):
        found = equations(T)
        T = T @ se3_exp(-np.linalg.solve(found.H, found.b))
    return T


def assert_same_pose(T: np.ndarray, expected: np.ndarray, limit_m: float, limit_rad: float):
    T_error = inverse(expected) @ T
    assert np.linalg.norm(T_error[:3, 3]) < limit_m
    assert rotation_angle_rad(T_error[:3, :3]) < limit_rad


TRUE_POSE = POSE
START = TRUE_POSE @ se3_exp(np.array([0.03, -0.02, 0.025, 0.03, 0.02, -0.04]))
CORNER_NORMALS = np.array([[0.8, 0.0, 0.6], [-0.6, 0.3, 0.742], [0.1, -0.75, 0.654]])
CORNER_NORMALS /= np.linalg.norm(CORNER_NORMALS, axis=1, keepdims=True)


def corner_depth(T_corner_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return depth and camera-frame normals of a room's corner: n . p = 1.5 from inside."""
    rays = camera_rays(CAMERA)
    normals = CORNER_NORMALS @ T_corner_camera[:3, :3]
    distances_m = 1.5 - CORNER_NORMALS @ T_corner_camera[:3, 3]
    along = rays @ normals.T
    depths = np.where(along > 1e-3, distances_m / np.maximum(along, 1e-3), np.inf)
    return depths.min(axis=-1), -normals[depths.argmin(axis=-1)]


def test_gauss_newton_on_a_distance_finds_the_pose(backend: str):
    depth_m, _ = corner_depth(np.eye(4))
    points = float32((camera_rays(CAMERA) * depth_m[..., None]).reshape(-1, 3)[::7])
    sigma_m = np.full(len(points), 0.002, np.float32)

    def equations(T: np.ndarray) -> NormalEquations:
        """The map is the corner, seen from TRUE_POSE."""
        in_corner = points @ (inverse(TRUE_POSE) @ T)[:3, :3].T + (inverse(TRUE_POSE) @ T)[:3, 3]
        distances_m = 1.5 - in_corner @ CORNER_NORMALS.T
        nearest = distances_m.argmin(axis=1)
        sdf_m = float32(distances_m[np.arange(len(points)), nearest])
        gradient = float32(-CORNER_NORMALS[nearest] @ TRUE_POSE[:3, :3].T)
        valid = np.ones(len(points), bool)
        R = float32(T[:3, :3])
        return align_sdf(points, sigma_m, sdf_m, gradient, valid, R, 10.0, 0.3)

    T = converge(equations, START, 12)
    # float32 distances carry 2e-7 m; a few points beside the corner's edges choose the wrong plane
    # by as little
    assert_same_pose(T, TRUE_POSE, 2e-6, 2e-6)


def test_gauss_newton_on_a_rendering_finds_the_pose(backend: str):
    depth_m, _ = corner_depth(np.eye(4))
    points = float32((camera_rays(CAMERA) * depth_m[..., None]).reshape(-1, 3))
    T_model_world = inverse(TRUE_POSE) @ START  # the model was rendered from the start
    T_model = inverse(T_model_world)
    model_depth_m, model_normals = corner_depth(T_model)
    model_points = float32(camera_rays(CAMERA) * model_depth_m[..., None])
    sigma_m = np.full(len(points), 0.002, np.float32)

    def equations(T: np.ndarray) -> NormalEquations:
        return align_projective(
            points, sigma_m, model_points, float32(model_normals), CAMERA.intrinsics,
            float32(T), 3.0, 0.2,
        )  # fmt: skip

    assert np.linalg.norm(T_model[:3, 3]) > 0.03  # so far is the start away
    T = converge(equations, np.eye(4), 20)
    # Beside the edges pixels pair across them: a residual of half a pixel, 1 cm, on few points,
    # robustly weighted
    assert_same_pose(T, inverse(T_model), 1e-3, 1e-3)


def paint(T_corner_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return depth, and a smooth pattern that depends on the place in the corner's frame alone."""
    depth_m, _ = corner_depth(T_corner_camera)
    points = camera_rays(CAMERA) * depth_m[..., None]
    points = points @ T_corner_camera[:3, :3].T + T_corner_camera[:3, 3]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    gray = (
        128 + 50 * np.sin(5 * x + 2 * z) + 40 * np.cos(6 * y - 2 * x) + 20 * np.sin(4 * (x + y + z))
    )
    return float32(depth_m), float32(gray)


def test_gauss_newton_on_intensities_finds_the_pose(backend: str):
    """With a brightness offset of 7 grey levels, which the caller takes from signed_error."""
    T_keyframe = np.eye(4)
    T_true = se3_exp(np.array([0.03, -0.02, 0.02, 0.01, 0.02, -0.03]))
    keyframe_depth_m, keyframe_gray = paint(T_keyframe)
    depth_m, gray = paint(T_true)
    points = float32((camera_rays(CAMERA) * keyframe_depth_m[..., None]).reshape(-1, 3))
    offset = 0.0

    def equations(T: np.ndarray) -> NormalEquations:
        nonlocal offset
        found = align_photometric(
            points, keyframe_gray.ravel(), gray + np.float32(7), depth_m, CAMERA.intrinsics,
            float32(inverse(T) @ T_keyframe), offset, 4.0, 3.0,
        )  # fmt: skip
        offset += found.signed_error / found.weight * 4.0
        return found

    T = converge(equations, T_keyframe, 30)
    # A wave of 12 pixels, bilinear: up to 1/8 (2 pi / 12)^2 of its amplitude too low, 1 grey level
    # of 30 where it is steepest: 0.05 pixels at single points, which mostly cancel; a pixel is 15
    # mm or 0.01 rad
    assert_same_pose(T, T_true, 1e-3, 5e-4)
    assert abs(offset - 7.0) < 0.3


def test_pixels_without_color_are_left_out(backend: str):
    """A column below 0 takes out the points that are interpolated with it, and no others."""
    points, _ = cloud(800)
    v, u = np.mgrid[:90, :120]
    image = float32(20 + 0.7 * u + 1.1 * v)
    intensities = np.full(800, 80.0, np.float32)
    T = np.eye(4, dtype=np.float32)
    x = points[:, 0] / points[:, 2] * CAMERA.fx + CAMERA.cx
    y = points[:, 1] / points[:, 2] * CAMERA.fy + CAMERA.cy
    is_inside = (x >= 1) & (x < 118) & (y >= 1) & (y < 88)
    masked = image.copy()
    masked[:, 50:53] = -1.0
    is_kept = is_inside & ((x < 49) | (x >= 53))
    assert 10 < is_inside.sum() - is_kept.sum()
    depth_m = np.zeros_like(image)
    arguments = (depth_m, CAMERA.intrinsics, T, 5.0, 4.0, NO_LIMIT)
    found = align_photometric(points, intensities, masked, *arguments)
    kept = np.ascontiguousarray(points[is_kept])
    wanted = align_photometric(kept, intensities[is_kept], image, *arguments)
    assert_close(found, wanted, rtol=1e-5)
