"""Keyframe rays: numba against numpy, both against the geometry of the view."""

import numpy as np
import pytest

from kernels import rays as ray_ops
from kernels.dispatch import using
from kernels.field import NUM_BAND, NUM_SAMPLES, RayBatch
from kernels.rays import Rays
from kernels.reference.depth import sigma
from kernels.reference.rays import random_numbers
from slam.camera import Camera
from slam.geometry import inverse

from .conftest import NOISE, View, plane_view, random_pose, surface, with_both

TRUNCATION_M = 0.12
NEAR_M = 0.2
CAMERA = Camera(80, 60, 65.0, 66.0, 39.3, 29.8)
NORMAL = np.array([0.5, -0.35, 0.79]) / np.linalg.norm([0.5, -0.35, 0.79])
NO_COLOR = np.empty((0, 0, 3), np.uint8)


def picked(view: View, cell: int = 4, seed: int = 0, with_color: bool = True) -> Rays:
    readings, normals = surface(view)
    color = view.color if with_color and view.color is not None else NO_COLOR
    intrinsics = view.camera.intrinsics
    return ray_ops.pick_rays(
        readings, normals, color, view.depth_m.shape, intrinsics, NOISE, cell, seed
    )


def sampled(
    rays: Rays, view: View, num: int, seed: int = 0, has_color: bool = True, near_m: float = NEAR_M
) -> RayBatch:
    batch = ray_ops.new_batch(num)
    draw(rays, view, batch, 0, num, seed, has_color, near_m)
    return batch


def draw(
    rays: Rays,
    view: View,
    batch: RayBatch,
    first: int,
    last: int,
    seed: int = 0,
    has_color: bool = True,
    near_m: float = NEAR_M,
) -> None:
    ray_ops.sample_rays(
        rays,
        view.camera.width,
        has_color,
        view.camera.intrinsics,
        view.T_world_camera.astype(np.float32),
        TRUNCATION_M,
        near_m,
        seed,
        batch,
        first,
        last,
    )


def slanted_view(size: tuple[int, int] = (60, 80)) -> View:
    """See a plane from 1.3 m; every pixel has a reading."""
    camera = Camera(size[1], size[0], 120.0, 121.0, size[1] / 2 - 0.7, size[0] / 2 - 0.2)
    T = random_pose(5)
    normal = T[:3, :3] @ NORMAL
    view = plane_view(camera, T, normal, float(normal @ T[:3, 3]) + 1.0)
    random = np.random.default_rng(0)
    color = random.integers(0, 256, (*size, 3)).astype(np.uint8)
    return View(view.depth_m, camera, T, color)


def offsets_m(view: View, batch: RayBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return u, v of samples, and how much deeper they lie than the reading there."""
    T = inverse(view.T_world_camera)
    p_camera = batch.points.astype(np.float64) @ T[:3, :3].T + T[:3, 3]
    x, y, z = np.moveaxis(p_camera, -1, 0)
    camera = view.camera
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    pixel = np.round(v[:, 0]).astype(int), np.round(u[:, 0]).astype(int)
    return u, v, z - view.depth_m[pixel][:, None]


def test_random_numbers_are_splitmix64():
    """Against the generator written step by step with Python's integers."""
    state, mask, expected = 12345, (1 << 64) - 1, []
    for _ in range(6):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        expected.append(((z ^ (z >> 31)) >> 40) / 2**24)
    np.testing.assert_array_equal(random_numbers(12345, (3, 2)).ravel(), expected)


@pytest.mark.parametrize("with_color", [True, False])
@pytest.mark.parametrize("cell", [1, 3, 4, 7])
@pytest.mark.parametrize("frame", range(2))
def test_pick_like_reference(room_views: list[View], frame: int, cell: int, with_color: bool):
    view = room_views[frame]
    depth_m = view.depth_m.copy()
    depth_m[20:40, 10:30] = 0.0
    view = View(depth_m, view.camera, view.T_world_camera, view.color)
    reference, cpu = with_both(lambda: picked(view, cell, seed=frame, with_color=with_color))
    assert [array.dtype for array in cpu] == [array.dtype for array in reference]
    np.testing.assert_array_equal(cpu.pixel, reference.pixel)
    np.testing.assert_array_equal(cpu.depth_m, reference.depth_m)
    np.testing.assert_allclose(cpu.slope, reference.slope, rtol=2e-6, atol=1e-6)
    np.testing.assert_array_equal(cpu.rgbw[:, :3], reference.rgbw[:, :3])
    # rounded down, so that the last bit may differ
    np.testing.assert_allclose(cpu.rgbw[:, 3].astype(int), reference.rgbw[:, 3], atol=1)
    assert (cpu.rgbw[:, 3] != reference.rgbw[:, 3]).mean() < 0.01
    assert len(cpu.pixel) > 0.5 * (60 // cell) * (80 // cell)
    assert cpu.rgbw[:, :3].any() == with_color


@pytest.mark.parametrize("cell", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(4, 4), (4, 9), (7, 5), (61, 83)])
def test_pick_of_odd_images_like_reference(size: tuple[int, int], cell: int):
    view = slanted_view(size)
    reference, cpu = with_both(lambda: picked(view, cell))
    np.testing.assert_array_equal(cpu.pixel, reference.pixel)
    np.testing.assert_array_equal(cpu.rgbw[:, :3], reference.rgbw[:, :3])
    # the part of the image that has normals, in whole cells
    assert len(cpu.pixel) == (size[0] // 4 * 4 // cell) * (size[1] // 4 * 4 // cell)


def test_rays_are_readings_of_the_frame(backend: str, room_views: list[View]):
    """One of each cell, with depth, colour and slope of its pixel."""
    view = room_views[0]
    assert view.color is not None
    rays = picked(view, cell=4)
    v, u = np.divmod(rays.pixel.astype(int), 80)
    assert len(set(zip(v // 4, u // 4, strict=True))) == len(v)
    np.testing.assert_array_equal(rays.depth_m, view.depth_m[v, u])
    np.testing.assert_array_equal(rays.rgbw[:, :3], view.color[v, u])
    _, normals = surface(view)
    ray = np.stack([(u - 39.3) / 65.0, (v - 29.8) / 66.0, np.ones(len(u))], axis=1)
    slope = (normals[v // 4, u // 4] * ray).sum(axis=1)
    is_flat = slope < ray_ops.MIN_SLOPE
    np.testing.assert_allclose(rays.slope[~is_flat], slope[~is_flat], rtol=1e-5)
    assert (rays.slope[is_flat] > 0).all()


def test_every_pixel_of_a_cell_is_as_likely(backend: str):
    view = slanted_view()
    count = np.zeros((4, 4))
    for seed in range(20):
        v, u = np.divmod(picked(view, cell=4, seed=seed).pixel.astype(int), 80)
        np.add.at(count, (v % 4, u % 4), 1)
    # 6000 draws into 16: 375 +- 19 each
    assert (np.abs(count - count.mean()) < 5 * 19).all()
    assert count.sum() == 20 * 15 * 20


def test_weight_of_a_ray_follows_the_noise(backend: str):
    """(sigma(1 m) / sigma(z))^2 up to 1; beside an edge a tenth; in 255ths, at least one."""
    noise = np.array([0.001, 0.0, 0.003], np.float32)
    readings = np.repeat([0.5, 1.0, 2.0, 4.0, -0.5, -2.0, -8.0, 0.0], 16).astype(np.float32)
    normals = np.tile(np.float32([0, 0, 1]), (1, 32, 1))
    size = (4, len(readings) // 4)
    image = np.append(readings.reshape(-1, 4, 4).transpose(1, 0, 2).ravel(), 0.0)
    rays = ray_ops.pick_rays(
        image.astype(np.float32), normals[:, : size[1] // 4].copy(), NO_COLOR, size,
        CAMERA.intrinsics, noise, 4, 3,
    )  # fmt: skip
    z = np.array([0.5, 1.0, 2.0, 4.0, 0.5, 2.0, 8.0])
    np.testing.assert_array_equal(rays.depth_m, z)
    exact = np.minimum((sigma(1.0, noise) / sigma(z, noise)) ** 2, 1.0)
    exact[4:] *= ray_ops.EDGE_WEIGHT
    expected = np.maximum(np.floor(255 * exact + 1e-4), 1)
    np.testing.assert_allclose(rays.rgbw[:, 3].astype(int), expected, atol=1)
    assert rays.rgbw[-1, 3] == 1


def test_a_frame_without_readings_has_no_rays(backend: str):
    view = View(np.zeros((60, 80), np.float32), CAMERA, np.eye(4))
    assert [len(array) for array in picked(view)] == [0, 0, 0, 0]


def test_the_seed_alone_decides(backend: str, room_views: list[View]):
    view = room_views[0]
    first, same, other = (picked(view, seed=seed) for seed in (3, 3, 4))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.pixel[:100] != other.pixel[:100]).mean() > 0.5
    a, b, c = (sampled(first, view, 50, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(a.points, b.points)
    assert (a.points != c.points).any(axis=(1, 2)).all()


@pytest.mark.parametrize("has_color", [True, False])
@pytest.mark.parametrize("num", [0, 1, 7, 300, 1111])
def test_sample_like_reference(room_views: list[View], num: int, has_color: bool):
    view = room_views[1]
    with using("reference"):
        rays = picked(view)
    reference, cpu = with_both(lambda: sampled(rays, view, num, num, has_color))
    # a float32 that falls between two rays may round to either of them
    same = np.abs(cpu.points - reference.points).max(axis=(1, 2), initial=0.0) < 1e-5
    assert (~same).sum() <= 0.002 * num
    for a, b in zip(cpu, reference, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a[same], b[same], rtol=1e-5, atol=2e-6)


def test_only_the_given_part_of_the_batch_is_written(backend: str, room_views: list[View]):
    view = room_views[0]
    rays, batch = picked(view), ray_ops.new_batch(20)
    for array in batch:
        array[:] = -7.0
    draw(rays, view, batch, 5, 5)
    draw(rays, view, batch, 9, 16)
    for array in batch:
        is_kept = (array == -7.0).reshape(20, -1)
        assert is_kept[:9].all()
        assert is_kept[16:].all()
        assert not is_kept[9:16].any()
    alone = sampled(rays, view, 7)
    np.testing.assert_array_equal(batch.points[9:16], alone.points)


def test_samples_lie_where_the_contract_says(backend: str):
    view = slanted_view()
    rays = picked(view)
    batch = sampled(rays, view, 2000)
    u, v, offset_m = offsets_m(view, batch)
    # float32 at 3 m: 2e-7 m, of a ray 1 m long and 120 pixels
    assert np.abs(u - np.round(u[:, :1])).max() < 1e-3
    assert np.abs(v - np.round(v[:, :1])).max() < 1e-3
    pixel = (np.round(v[:, 0]) * 80 + np.round(u[:, 0])).astype(np.uint32)
    assert np.isin(pixel, rays.pixel).all()

    at = np.searchsorted(np.sort(rays.pixel), pixel)
    ray = np.argsort(rays.pixel)[at]
    slope = rays.slope[ray].astype(np.float64)
    np.testing.assert_allclose(batch.distance_m, -offset_m * slope[:, None], atol=2e-6)
    band = batch.distance_m[:, :NUM_BAND]
    assert np.abs(band).max() <= TRUNCATION_M * (1 + 1e-6)
    assert np.abs(band).max() > 0.98 * TRUNCATION_M
    if NUM_BAND % 2:
        assert not band[:, 0].any()
    pairs = band[:, NUM_BAND % 2 :]
    np.testing.assert_array_equal(pairs[:, ::2], -pairs[:, 1::2])
    # of the square of a uniform number
    share = np.sort(np.sqrt(np.abs(pairs[:, ::2]).ravel() / TRUNCATION_M))
    uniform = (np.arange(len(share)) + 0.5) / len(share)
    assert np.abs(share - uniform).max() < 2.0 / np.sqrt(len(share))  # Kolmogorov and Smirnov

    z = view.depth_m[np.round(v[:, 0]).astype(int), np.round(u[:, 0]).astype(int)]
    start = z - TRUNCATION_M / slope
    way = (z + offset_m[:, NUM_BAND] - NEAR_M) / (start - NEAR_M)
    assert way.min() > -1e-5
    assert way.max() < 1 + 1e-5
    assert np.abs(np.sort(way) - (np.arange(2000) + 0.5) / 2000).max() < 2.0 / np.sqrt(2000)
    assert (batch.distance_m[:, NUM_BAND] >= TRUNCATION_M * (1 - 1e-5)).all()

    np.testing.assert_allclose(batch.rgb, rays.rgbw[ray, :3] / 255.0, atol=1e-6)
    np.testing.assert_allclose(batch.weight, rays.rgbw[ray, 3] / 255.0, atol=1e-6)


def test_distance_is_that_to_the_plane(backend: str):
    """On a plane the tangent plane is the plane itself."""
    view = slanted_view()
    batch = sampled(picked(view), view, 500)
    T = view.T_world_camera
    normal = T[:3, :3] @ NORMAL
    distance_m = float(normal @ T[:3, 3]) + 1.0 - batch.points.astype(np.float64) @ normal
    u, v, _ = offsets_m(view, batch)
    normals = surface(view)[1][
        np.round(v[:, 0]).astype(int) // 4, np.round(u[:, 0]).astype(int) // 4
    ]
    is_exact = np.abs(normals - NORMAL).max(axis=1) < 1e-4  # but for some pixels at the border
    assert is_exact.mean() > 0.95
    np.testing.assert_allclose(
        batch.distance_m[is_exact], distance_m[is_exact], rtol=1e-3, atol=2e-6
    )


def test_rays_are_drawn_evenly(backend: str):
    """The i-th of n comes from the i-th of n equal parts of the list."""
    view = slanted_view()
    rays = picked(view)
    for num in (60, 300, 450):
        u, v, _ = offsets_m(view, sampled(rays, view, num, seed=num))
        pixel = (np.round(v[:, 0]) * 80 + np.round(u[:, 0])).astype(np.uint32)
        drawn = np.array([int(np.flatnonzero(rays.pixel == p)[0]) for p in pixel])
        stride = len(rays.pixel) / num
        assert (drawn > np.arange(num) * stride - 1 - 1e-3).all()
        assert (drawn <= (np.arange(num) + 1) * stride + 1e-3).all()
        assert len(set(drawn.tolist())) > 0.6 * min(num, len(rays.pixel))


@pytest.mark.parametrize("depth_m", [0.3, 0.21, 0.2, 0.15])
def test_where_the_band_reaches_the_camera_it_is_cut(backend: str, depth_m: float):
    """It stays symmetric, free space is its start, and nothing lies behind a reading nearer yet."""
    view = View(np.full((60, 80), depth_m, np.float32), CAMERA, np.eye(4))
    batch = sampled(picked(view), view, 100, near_m=NEAR_M)
    _, _, offset_m = offsets_m(view, batch)
    half_m = max(depth_m - NEAR_M, 0.0)
    np.testing.assert_allclose(offset_m[:, NUM_BAND], -half_m, atol=1e-6)
    assert np.abs(offset_m).max() < half_m + 1e-6
    np.testing.assert_allclose(offset_m[:, :NUM_BAND].sum(axis=1), 0.0, atol=1e-6)
    if half_m > 0.005:
        assert np.abs(offset_m[:, :NUM_BAND]).max() > 0.95 * half_m


def test_a_frame_without_color_says_so(backend: str):
    view = slanted_view()
    rays = picked(view, with_color=False)
    assert not rays.rgbw[:, :3].any()
    assert (sampled(rays, view, 30, has_color=False).rgb < 0).all()


def test_wrong_arguments_are_refused():
    view = slanted_view()
    readings, normals = surface(view)
    rays, batch = picked(view), ray_ops.new_batch(4)
    K, T = view.camera.intrinsics, view.T_world_camera

    def pick(readings: np.ndarray, normals: np.ndarray, color: np.ndarray) -> None:
        ray_ops.pick_rays(readings, normals, color, view.depth_m.shape, K, NOISE, 4, 0)

    with pytest.raises(ValueError, match="readings must be float32"):
        pick(readings.astype(np.float64), normals, NO_COLOR)
    with pytest.raises(ValueError, match="normals must be float32"):
        pick(readings, normals[..., :2].copy(), NO_COLOR)
    with pytest.raises(ValueError, match="color must be uint8"):
        pick(readings, normals, np.zeros((60, 80, 4), np.uint8))
    with pytest.raises(ValueError, match=r"color must be uint8 \(60, 80, 3\)"):
        pick(readings, normals, np.zeros((60, 76, 3), np.uint8))
    with pytest.raises(ValueError, match=r"readings must be float32 \(4801\)"):
        pick(readings[:-1].copy(), normals, NO_COLOR)
    with pytest.raises(ValueError, match=r"normals must be float32 \(15, 20, 3\)"):
        pick(readings, normals[:-1].copy(), NO_COLOR)

    def sample(rays: Rays, K: np.ndarray, T: np.ndarray) -> None:
        ray_ops.sample_rays(rays, 80, True, K, T, TRUNCATION_M, NEAR_M, 0, batch, 0, 4)

    with pytest.raises(ValueError, match="T_world_camera must be float32"):
        sample(rays, K, T)
    with pytest.raises(ValueError, match="intrinsics must be float32"):
        sample(rays, K.astype(np.float64), T.astype(np.float32))
    with pytest.raises(ValueError, match="pixel must be uint32"):
        sample(rays._replace(pixel=rays.pixel.astype(np.int64)), K, T.astype(np.float32))
    assert NUM_SAMPLES == NUM_BAND + 1


def test_a_frame_without_rays_cannot_be_sampled(backend: str):
    view = View(np.zeros((60, 80), np.float32), CAMERA, np.eye(4))
    rays, batch = picked(view), ray_ops.new_batch(4)
    with pytest.raises(ValueError, match="rays must not be empty"):
        draw(rays, view, batch, 0, 4)
    draw(rays, view, batch, 2, 2)  # no rays of none


def test_flat_surfaces_are_taken_as_slanted(backend: str):
    """Seen along the surface, or from behind."""
    normals = np.array([[[1, 0, 0], [0, 0, 0.1], [0, 0, -1], [0, 0, 1]]], np.float32)
    readings = np.append(np.ones(4 * 16, np.float32), np.float32(0))
    intrinsics = np.array([1e6, 1e6, 8.0, 2.0], np.float32)  # rays along z
    rays = ray_ops.pick_rays(readings, normals, NO_COLOR, (4, 16), intrinsics, NOISE, 4, 0)
    np.testing.assert_allclose(rays.slope, [*3 * [ray_ops.MIN_SLOPE], 1.0], atol=2e-5)


def test_rays_without_color_have_their_depth(backend: str, room_views: list[View]):
    view = room_views[0]
    readings, normals = surface(view)
    mask = np.zeros((60, 80), bool)
    mask[:, 30:] = True
    rays = ray_ops.pick_rays(
        readings, normals, view.color, (60, 80), view.camera.intrinsics, NOISE, 4, 0, mask
    )
    plain = picked(view, cell=4, seed=0)
    np.testing.assert_array_equal(rays.pixel % ray_ops.UNCOLORED, plain.pixel)
    np.testing.assert_array_equal(rays.pixel < ray_ops.UNCOLORED, plain.pixel % 80 >= 30)
    batch, other = sampled(rays, view, 200), sampled(plain, view, 200)
    np.testing.assert_array_equal(batch.points, other.points)
    has_color = batch.rgb[:, 0] >= 0
    assert 0 < has_color.sum() < 200
    np.testing.assert_array_equal(batch.rgb[has_color], other.rgb[has_color])
    np.testing.assert_array_equal(batch.rgb[~has_color], -1.0)
