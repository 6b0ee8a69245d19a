"""Integration and query: the CPU against the reference; planes and spheres against mathematics."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from kernels import tsdf as tsdf_ops
from kernels.blocks import insert_blocks
from kernels.dispatch import using
from kernels.reference.depth import sigma
from kernels.reference.tsdf import camera_points, nearest_pixel, project
from slam.camera import Camera
from slam.geometry import inverse

from .conftest import (
    NOISE,
    SMALL_CAMERA,
    View,
    Volume,
    look_at,
    pack_color,
    plane_view,
    random_pose,
    sphere_view,
    surface,
    with_both,
)

# As fine as a VGA camera: only then do neighbours on a slanted surface differ by less than a jump.
CAMERA = Camera(160, 120, 260.0, 264.0, 79.6, 59.2)
NORMAL = np.array([0.5, -0.35, 0.79]) / np.linalg.norm([0.5, -0.35, 0.79])


def random_volume(view: View, seed: int) -> Volume:
    """Return a volume with the blocks of a view and some others, every voxel random."""
    random = np.random.default_rng(seed)
    volume = Volume(capacity=2000)
    with using("reference"):
        volume.fuse(view)
        insert_blocks(volume.index, random.integers(-30, 30, (40, 3)).astype(np.int32))
    shape = volume.blocks.sdf.shape
    volume.blocks.sdf[:] = random.integers(-32000, 32001, shape)
    volume.blocks.weight[:] = random.choice([0, 1, 300, 20000, 32768], shape)
    volume.blocks.color[:] = random.integers(0, 256, volume.blocks.color.shape)
    volume.blocks.color[:, 3] = random.integers(0, 33, shape)
    return volume


def is_at_edge(volume: Volume, view: View, slots: np.ndarray) -> np.ndarray:
    """Whether voxels (n, 512) lie within float32's rounding of a pixel's or the band's border."""
    T_camera_world = inverse(view.T_world_camera)
    readings, normals = surface(view)
    h, w = view.depth_m.shape
    at_edge = np.zeros((len(slots), 512), bool)
    for row, slot in enumerate(slots):
        coord = volume.index.coords[slot]
        points = camera_points(coord, T_camera_world.astype(np.float32), volume.voxel_size_m)
        pixel = nearest_pixel(points, (h, w), view.camera.intrinsics)
        place = project(points, view.camera.intrinsics) + 0.5
        at_edge[row] = (np.abs(place - np.round(place)) < 1e-3).any(axis=1)
        at_edge[row] |= np.abs(points[:, 2] - 0.05) < 1e-5
        v, u = np.divmod(pixel, w)
        rays = np.stack([(u - view.camera.cx), (v - view.camera.cy), np.ones(512)], axis=1)
        rays[:, :2] /= [view.camera.fx, view.camera.fy]
        n = normals[np.minimum(v // 4, h // 4 - 1), np.minimum(u // 4, w // 4 - 1)]
        distance_m = (n * (np.abs(readings[pixel])[:, None] * rays - points)).sum(axis=1)
        tau = np.clip(3.0 * sigma(points[:, 2], NOISE), *volume.truncation_m)
        for border in (-tau, tau / 3, -tau / 3):
            at_edge[row] |= np.abs(distance_m - border) < 1e-5
    return at_edge


@pytest.mark.parametrize("with_color", [True, False])
@pytest.mark.parametrize("frame", range(3))
def test_integrate_like_reference(room_views: list[View], frame: int, with_color: bool):
    view = room_views[frame]
    view = View(view.depth_m, view.camera, view.T_world_camera, view.color if with_color else None)
    start = random_volume(room_views[0], seed=frame)
    visible = np.random.default_rng(frame).permutation(start.count)[: start.count // 2]
    visible = visible.astype(np.int32)

    def fused() -> Volume:
        volume = start.copy()
        volume.integrate(view, visible)
        return volume

    reference, cpu = with_both(fused)
    untouched = np.setdiff1d(np.arange(start.capacity), visible)
    for before, after in zip(start.blocks, cpu.blocks, strict=True):
        np.testing.assert_array_equal(after[untouched], before[untouched])

    at_edge = is_at_edge(start, view, visible)
    assert at_edge.mean() < 0.02

    def differences(name: str) -> np.ndarray:
        a, b = getattr(cpu.blocks, name)[visible], getattr(reference.blocks, name)[visible]
        return np.abs(a.astype(np.int64) - b)

    # Distance: 3e-6 m of float32 in T p at 5 m is 0.4 units of 7.5e-6 m; the floor turns any
    # difference into 1. Beyond that only a voxel whose reading jumps may differ.
    assert (differences("sdf")[~at_edge] <= 2).all()
    assert (differences("weight")[~at_edge] <= 1).all()
    color = differences("color").transpose(0, 2, 1)
    assert (color[~at_edge] <= 1).all()
    assert (differences("sdf") > 2).mean() < 0.01
    if not with_color:
        assert not color.any()
    changed = reference.blocks.sdf[visible] != start.blocks.sdf[visible]
    # Where a reading counts for little so does its error, and only another dither rounds otherwise.
    is_heavy = changed & ~at_edge & (start.blocks.weight[visible] >= 20000)
    assert (differences("sdf")[is_heavy] == 0).mean() > 0.95
    assert changed.mean() > 0.01


@pytest.mark.parametrize("size", [(4, 4), (4, 9), (7, 5), (7, 9)])
def test_integrate_tiny_images_like_reference(size: tuple[int, int]):
    h, w = size
    camera = Camera(w, h, 4.07, 4.03, w / 2 - 0.513, h / 2 - 0.487)
    view = View(np.full(size, 1.003, np.float32), camera, np.eye(4))  # no voxel on the band's end

    def fused() -> Volume:
        volume = Volume(capacity=300)
        grid = np.stack(np.unravel_index(np.arange(200), (5, 5, 8)), axis=-1) - [2, 2, 0]
        insert_blocks(volume.index, grid.astype(np.int32))
        volume.integrate(view, np.arange(200, dtype=np.int32))
        return volume

    reference, cpu = with_both(fused)
    is_off = np.abs(cpu.blocks.sdf.astype(np.int64) - reference.blocks.sdf) > 2
    assert is_off.mean() < 0.01
    assert (reference.blocks.weight > 0).any()
    assert ((cpu.blocks.weight > 0) != (reference.blocks.weight > 0)).mean() < 0.01


def test_integrate_nothing(backend: str, room_views: list[View]):
    volume = random_volume(room_views[0], seed=0)
    before = volume.copy()
    volume.integrate(room_views[0], np.empty(0, np.int32))
    for old, new in zip(before.blocks, volume.blocks, strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("rounding", [0.0, 0.5, 0.9985, np.nextafter(np.float32(1), np.float32(0))])
@pytest.mark.parametrize("depth_m", [0.0, 0.02])
def test_voxel_without_a_reading_keeps_its_values(backend: str, rounding: float, depth_m: float):
    """Missing depth, and voxels far behind the surface.

    Symptom: float32 rounded value + dither up by one a frame.
    """
    volume = Volume(capacity=8)
    insert_blocks(volume.index, np.array([[0, 0, 6], [0, 0, 7]], np.int32))
    random = np.random.default_rng(0)
    volume.blocks.sdf[:] = random.integers(-32767, 32768, volume.blocks.sdf.shape)
    volume.blocks.weight[:] = random.integers(0, 32769, volume.blocks.weight.shape)
    volume.blocks.color[:] = random.integers(0, 256, volume.blocks.color.shape)
    volume.blocks.color[:, 3] = random.integers(0, 33, volume.blocks.sdf.shape)
    volume.dither[:] = rounding
    before = volume.copy()
    view = View(np.full((60, 80), depth_m, np.float32), SMALL_CAMERA, np.eye(4))
    color = np.full((60, 80, 3), 200, np.uint8)
    view = View(view.depth_m, view.camera, view.T_world_camera, color)
    for _ in range(3):
        volume.integrate(view, np.array([0, 1], np.int32))
    for old, new in zip(before.blocks, volume.blocks, strict=True):
        np.testing.assert_array_equal(new, old)


def frontal(depth_m: float) -> View:
    return View(np.full((60, 80), depth_m, np.float32), SMALL_CAMERA, np.eye(4))


def test_free_space_stays_at_the_truncation(backend: str):
    """Symptom: the largest distance plus dither overflowed into the most negative one."""
    volume = Volume(capacity=8, truncation_m=(0.24, 0.24))
    insert_blocks(volume.index, np.array([[0, 0, 6]], np.int32))
    for _ in range(20):
        volume.integrate(frontal(3.0), np.array([0], np.int32))
    sdf_m = volume.blocks.sdf[0] * volume.sdf_unit_m
    np.testing.assert_allclose(sdf_m, 0.24, atol=2 * volume.sdf_unit_m)


@pytest.mark.parametrize("max_weight", [8.0, 128.0, 1000.0])
def test_weight_saturates_and_the_average_follows(backend: str, max_weight: float):
    """The weight stays at its cap, and the average is that of the readings."""
    volume = Volume(capacity=8, max_weight=max_weight)
    insert_blocks(volume.index, np.array([[0, 0, 6]], np.int32))
    slots = np.array([0], np.int32)
    readings_m = [1.045, 1.055]
    for k in range(1000):
        volume.integrate(frontal(readings_m[k % 2]), slots)
    z = 0.02 * (48 + np.arange(512) % 8)
    error_m = volume.blocks.sdf[0] * volume.sdf_unit_m - (1.05 - z)
    error_m = error_m[np.abs(1.05 - z) < 0.07]
    cap = min(max_weight / tsdf_ops.WEIGHT_UNIT, 65535)
    assert (volume.blocks.weight[0] <= cap + 1).all()
    assert volume.blocks.weight[0].min() > 0.9 * min(cap, 1000 * 200)
    # the last reading pulls by 5 mm x (its share w / W, under 1.3 / 8 at the smallest cap),
    # alternating
    ripple_m = 0.005 * min(1.0, 1.3 / max_weight) / 2
    assert abs(error_m.mean()) < 1e-4 + ripple_m
    assert np.abs(error_m).max() < 1e-4 + 2 * ripple_m


def test_saturated_average_does_not_freeze(backend: str):
    """The surface moves by 2 mm: the average follows, however small its steps are."""
    volume = Volume(capacity=8, max_weight=128.0)
    insert_blocks(volume.index, np.array([[0, 0, 6]], np.int32))
    slots = np.array([0], np.int32)
    for depth_m, num in ((1.05, 200), (1.052, 1500)):
        for _ in range(num):
            volume.integrate(frontal(depth_m), slots)
    z = 0.02 * (48 + np.arange(512) % 8)
    error_m = volume.blocks.sdf[0] * volume.sdf_unit_m - (1.052 - z)
    is_near = np.abs(1.052 - z) < 0.07
    # (1 - 0.9 / 128)^1500 = 3e-5 of 2 mm remain; the rounding is a random walk of 1 unit a frame
    # against a pull of 1 / 142: sqrt(142 / 8) = 4 units = 0.03 mm
    assert abs(error_m[is_near].mean()) < 2e-5
    assert np.abs(error_m[is_near]).max() < 1.5e-4


def test_zero_crossing_of_a_slanted_plane(backend: str):
    """No bias by half a pixel or voxel: the distance is right on, before and behind the plane."""
    volume = Volume(voxel_size_m=0.01, truncation_m=(0.04, 0.12))
    T = random_pose(5)
    normal, offset_m = T[:3, :3] @ NORMAL, float(T[:3, :3] @ NORMAL @ T[:3, 3]) + 0.9
    volume.fuse(plane_view(CAMERA, T, normal, offset_m))
    v, u = np.mgrid[10:110, 10:150].reshape(2, -1) + np.random.default_rng(0).random((2, 14000))
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(14000)], 1)
    rays = rays @ T[:3, :3].T
    on_plane = T[:3, 3] + rays * ((offset_m - normal @ T[:3, 3]) / (rays @ normal))[:, None]
    for distance_m in (0.0, 0.02, -0.02):
        sdf_m, gradient, is_valid = volume.query(on_plane - distance_m * normal)
        assert is_valid.mean() > 0.95
        error_voxels = (sdf_m - distance_m)[is_valid] / 0.01
        # float32 of points at 2 m: 2e-7; the slope's error 1e-5 over half a pixel; one unit is 4e-4
        # voxels
        assert np.abs(error_voxels).max() < 0.002
        np.testing.assert_allclose(gradient[is_valid] + normal, 0.0, atol=0.002)


def test_zero_crossing_of_a_sphere(backend: str):
    """What is left is the curvature, within a pixel and a cell. The rim has no slopes."""
    center, radius_m = np.array([0.31, -0.27, 0.44]), 0.4
    volume = Volume(voxel_size_m=0.02, truncation_m=(0.08, 0.24))
    eye = center + np.array([1.6, 0.1, 0.2])
    volume.fuse(sphere_view(CAMERA, look_at(eye, center), center, radius_m))
    directions = np.random.default_rng(0).normal(size=(20000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = center + radius_m * directions
    to_eye = (eye - points) / np.linalg.norm(eye - points, axis=1, keepdims=True)
    points = points[(to_eye * directions).sum(axis=1) > 0.75]
    sdf_m, gradient, is_valid = volume.query(points)
    assert is_valid.sum() > 1000
    error_voxels = sdf_m[is_valid] / 0.02
    # Trilinear interpolation of a function of second derivatives 1 / r across the normal is high by
    # h^2 / 8 r an axis: 0.0125 voxels on two axes. A tangent plane half a pixel off, 0.7 x 1.2 m /
    # 260 / 0.75, is high by 0.001 voxels.
    assert 0.0 < error_voxels.mean() < 0.0125
    assert np.abs(error_voxels).max() < 0.03
    normals = (points[is_valid] - center) / radius_m
    cosine = (gradient[is_valid] * normals).sum(axis=1) / np.linalg.norm(gradient[is_valid], axis=1)
    assert cosine.min() > np.cos(0.02 / 0.4 + 0.01)  # it turns by a cell's width over the radius


def dense_volume(seed: int) -> tuple[Volume, np.ndarray, np.ndarray]:
    """Return 3 x 3 x 3 blocks of random voxels around the origin, and their dense arrays."""
    random = np.random.default_rng(seed)
    volume = Volume(capacity=27)
    sdf = random.integers(-32000, 32001, (24, 24, 24))
    weight = random.choice([0, 1, 7, 32768], (24, 24, 24), p=[0.02, 0.3, 0.3, 0.38])
    volume.fill(np.array([-1, -1, -2]), sdf, weight)
    return volume, sdf, weight


LOWEST_VOXEL = np.array([-8, -8, -16])


@pytest.mark.parametrize("where", ["anywhere", "at block borders", "on voxels"])
def test_query_is_dense_trilinear_interpolation(backend: str, where: str):
    volume, sdf, weight = dense_volume(0)
    random = np.random.default_rng(1)
    voxels = random.uniform(0.01, 22.99, (3000, 3))
    if where == "at block borders":
        axis = random.integers(0, 3, 3000)
        near = random.choice([8.0, 16.0], 3000) + random.choice([-1e-3, 1e-3, 0.5, -0.5], 3000)
        voxels[np.arange(3000), axis] = near
    elif where == "on voxels":
        voxels = random.integers(0, 23, (3000, 3)).astype(np.float64)
    points = ((voxels + LOWEST_VOXEL) * volume.voxel_size_m).astype(np.float32)
    sdf_m, _, is_valid = volume.query(points)

    exact = points.astype(np.float64) / volume.voxel_size_m - LOWEST_VOXEL
    grid = (np.arange(24.0),) * 3
    expected_m = RegularGridInterpolator(grid, sdf * volume.sdf_unit_m)(exact)
    lowest = np.floor(exact).astype(int)
    known = np.ones(3000, bool)
    for c in range(8):
        x, y, z = (lowest + np.array([c >> 2, c >> 1 & 1, c & 1])).T
        known &= weight[x, y, z] > 0
    # float32 places a point at 16 voxels to 1e-6 x 2 voxels, where the distance falls by up to 0.48
    # m a voxel; on a voxel it may fall into the cell on its other side, where the value is the same
    # but not all is known
    np.testing.assert_allclose(sdf_m[known & is_valid], expected_m[known & is_valid], atol=4e-6)
    assert not sdf_m[~is_valid].any()
    if where != "on voxels":
        np.testing.assert_array_equal(is_valid, known)
    assert is_valid.mean() > 0.5


def test_query_gradient_is_that_of_the_distance(backend: str):
    """Along each axis a cell is linear: differences are exact but for float32."""
    volume, _, _ = dense_volume(2)
    voxels = np.random.default_rng(3).integers(0, 23, (500, 3)) + 0.5 + LOWEST_VOXEL
    points = voxels * volume.voxel_size_m
    _, gradient, is_valid = volume.query(points)
    assert is_valid.mean() > 0.7
    for axis in range(3):
        step_m = 0.4 * volume.voxel_size_m * np.eye(3)[axis]
        ahead, behind = volume.query(points + step_m)[0], volume.query(points - step_m)[0]
        slope = (ahead - behind) / (0.8 * volume.voxel_size_m)
        # distances to 4e-6 m (see above) over 0.016 m; slopes are up to 24
        np.testing.assert_allclose(gradient[is_valid, axis], slope[is_valid], atol=1e-3)
    assert not gradient[~is_valid].any()


@pytest.mark.parametrize("num", [0, 1, 7, 5000])
def test_query_like_reference(fused_room: Volume, num: int):
    random = np.random.default_rng(4)
    slots = random.integers(0, fused_room.count, num)
    points = (fused_room.index.coords[slots] * 8 + random.uniform(-2, 10, (num, 3))) * 0.02
    reference, cpu = with_both(lambda: fused_room.query(points))
    for expected, actual in zip(reference, cpu, strict=True):
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(cpu[2], reference[2])
    # a point at 5 m is placed to 1e-6 m, where |gradient| may be 10 at the band's end
    np.testing.assert_allclose(cpu[0], reference[0], atol=1e-5)
    np.testing.assert_allclose(cpu[1], reference[1], atol=3e-3)
    if num > 100:
        assert 0.1 < reference[2].mean() < 0.95


def test_query_of_an_empty_map(backend: str):
    sdf_m, gradient, is_valid = Volume(capacity=4).query(np.ones((3, 3)))
    assert not sdf_m.any()
    assert not gradient.any()
    assert not is_valid.any()


def test_color_of_the_surface(backend: str):
    """A constant colour is reproduced exactly near the surface; elsewhere there is none."""
    volume = Volume()
    view = plane_view(CAMERA, np.eye(4), NORMAL, 1.1)
    color = np.full((120, 160, 3), [10, 128, 255], np.uint8)
    for _ in range(3):
        volume.fuse(View(view.depth_m, CAMERA, np.eye(4), color))
    has_color = volume.blocks.color[:, 3] > 0
    sdf_m = volume.blocks.sdf * volume.sdf_unit_m
    assert (np.abs(sdf_m[has_color]) < 0.08 / 3 + 1e-4).all()
    assert has_color[(volume.blocks.weight > 0) & (np.abs(sdf_m) < 0.08 / 3 - 1e-4)].all()
    rgb = volume.blocks.color[:, :3].transpose(0, 2, 1)[has_color]
    np.testing.assert_array_equal(rgb, np.tile([10, 128, 255], (len(rgb), 1)))
    assert volume.blocks.color[:, 3].max() <= tsdf_ops.MAX_COLOR_WEIGHT
    assert (pack_color(color)[:-1] == 10 | 128 << 8 | 255 << 16 | 255 << 24).all()


def test_pixels_without_color_leave_the_color_of_voxels(backend: str):
    """Half of the image has none: voxels that project there keep what they had."""
    volume = Volume()
    view = plane_view(CAMERA, np.eye(4), NORMAL, 1.1)
    color = np.full((120, 160, 3), [10, 128, 255], np.uint8)
    volume.fuse(View(view.depth_m, CAMERA, np.eye(4), color))
    before, weight = volume.blocks.color.copy(), volume.blocks.weight.copy()
    packed = pack_color(np.full_like(color, 99))
    packed[:-1].reshape(120, 160)[:, :80] &= 0xFFFFFF
    visible = np.arange(volume.count, dtype=np.int32)
    readings, normals = surface(view)
    tsdf_ops.integrate(
        volume.index, volume.blocks, visible, readings, normals, packed, (120, 160),
        CAMERA.intrinsics, np.eye(4, dtype=np.float32), volume.voxel_size_m, volume.sdf_unit_m,
        NOISE, volume.truncation_m, volume.max_weight, volume.dither,
    )  # fmt: skip
    changed = (volume.blocks.color != before).any(axis=1)
    slot, voxel = np.nonzero(changed)
    inside = np.stack([voxel >> 6, voxel >> 3 & 7, voxel & 7], axis=-1)
    p = (8 * volume.index.coords[slot] + inside) * volume.voxel_size_m
    u = p[:, 0] / p[:, 2] * CAMERA.fx + CAMERA.cx
    assert len(u) > 1000
    assert u.min() > 79.5 - 1e-3
    assert (volume.blocks.weight > weight).sum() > 1.8 * len(u)  # distance is fused in both
