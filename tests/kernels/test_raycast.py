"""Ray casting: the CPU against the reference, and surfaces against mathematics."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from kernels.depth import NO_GRADIENT, inverse_depth_gradient
from kernels.dispatch import using
from kernels.tsdf import RenderedArrays
from slam.camera import Camera
from slam.geometry import se3_exp

from .conftest import (
    NOISE,
    SMALL_CAMERA,
    View,
    Volume,
    camera_rays,
    look_at,
    plane_view,
    random_pose,
    sphere_view,
    with_both,
)

CAMERA = Camera(160, 120, 260.0, 264.0, 79.6, 59.2)
OTHER_CAMERA = Camera(49, 35, 83.0, 81.0, 24.2, 17.3)  # odd size, not a multiple of anything


def fused(views: list[View], voxel_size_m: float, num_times: int = 1) -> Volume:
    truncation_m = (4 * voxel_size_m, 12 * voxel_size_m)
    volume = Volume(voxel_size_m=voxel_size_m, truncation_m=truncation_m)
    with using("cpu"):  # the definition takes seconds
        for view in views * num_times:
            volume.fuse(view)
    return volume


def test_depth_of_a_slanted_plane(backend: str):
    """Seen again from elsewhere: depth and normals are exact, without a bias by pixel or voxel."""
    T = random_pose(1)
    normal_camera = np.array([0.45, -0.3, 0.84]) / np.linalg.norm([0.45, -0.3, 0.84])
    normal = T[:3, :3] @ normal_camera
    offset_m = float(normal @ T[:3, 3]) + 0.8
    volume = fused([plane_view(CAMERA, T, normal, offset_m)], 0.01)
    T_other = T @ se3_exp(np.array([0.05, -0.03, 0.1, 0.02, 0.05, -0.1]))
    rendered = volume.raycast(OTHER_CAMERA, T_other)
    expected_m = plane_view(OTHER_CAMERA, T_other, normal, offset_m).depth_m
    inner = np.s_[8:-8, 12:-12]
    is_seen = rendered.depth_m > 0
    assert is_seen[inner].mean() > 0.99
    # the distances are exact to 0.002 voxels (see test_tsdf), the depth to that over the cosine
    error_voxels = (rendered.depth_m - expected_m)[inner][is_seen[inner]] / 0.01
    assert np.abs(error_voxels).max() < 0.005
    np.testing.assert_allclose(rendered.normals[inner][is_seen[inner]] + normal, 0.0, atol=0.003)
    assert (rendered.confidence[inner][is_seen[inner]] > 0.1).all()
    assert not rendered.color.any()


def test_depth_of_a_sphere(backend: str):
    center, radius_m = np.array([-0.2, 0.3, 0.1]), 0.4
    T = look_at(center + np.array([1.5, 0.3, -0.4]), center)
    volume = fused([sphere_view(CAMERA, T, center, radius_m)], 0.02)
    T_other = T @ se3_exp(np.array([0.05, -0.03, 0.1, 0.02, 0.05, -0.1]))
    rendered = volume.raycast(OTHER_CAMERA, T_other)
    expected_m = sphere_view(OTHER_CAMERA, T_other, center, radius_m).depth_m
    points = camera_rays(OTHER_CAMERA) * expected_m[..., None]
    points = points @ T_other[:3, :3].T + T_other[:3, 3]
    to_eye = (T[:3, 3] - points) / np.linalg.norm(T[:3, 3] - points, axis=-1, keepdims=True)
    normals = (points - center) / radius_m
    is_frontal = (expected_m > 0) & ((normals * to_eye).sum(axis=-1) > 0.75)
    assert is_frontal.sum() > 100
    assert (rendered.depth_m[is_frontal] > 0).mean() > 0.9  # its image may end before
    is_seen = is_frontal & (rendered.depth_m > 0)
    error_voxels = (rendered.depth_m - expected_m)[is_seen] / 0.02
    # the distance is high by up to 0.0125 voxels (see test_tsdf), so the depth is too, over a
    # cosine of 0.7
    assert 0.0 < error_voxels.mean() < 0.018
    assert np.abs(error_voxels).max() < 0.04
    assert (rendered.normals * normals).sum(axis=-1)[is_seen].min() > 0.998
    assert not rendered.depth_m[0, 0]


def test_surface_is_not_seen_from_behind(backend: str):
    volume = fused([plane_view(CAMERA, np.eye(4), np.array([0.0, 0.0, 1.0]), 1.0)], 0.02)
    behind = look_at(np.array([0.0, 0.0, 2.0]), np.array([0.01, 0.0, 0.0]))
    assert not volume.raycast(OTHER_CAMERA, behind).depth_m.any()
    assert volume.raycast(OTHER_CAMERA, np.eye(4)).depth_m[17, 24] > 0


def test_a_crossing_that_no_reading_was_near_is_not_shown(backend: str):
    """Half of a plane loses its marks, as what lies between two surfaces never had them."""
    volume = fused([plane_view(CAMERA, np.eye(4), np.array([0.0, 0.0, 1.0]), 1.0)], 0.02)
    whole = volume.raycast(OTHER_CAMERA, np.eye(4)).depth_m > 0
    x = 8 * volume.index.coords[:, 0, None] + np.arange(512) // 64  # voxels
    volume.blocks.color[:] *= (x > 0)[:, None]
    rendered = volume.raycast(OTHER_CAMERA, np.eye(4))
    is_shown = rendered.depth_m > 0
    right = OTHER_CAMERA.slopes()[0] > 0.0
    assert whole[8:-8, 8:-8].all()
    np.testing.assert_array_equal(is_shown[8:-8, 8:-8], whole[8:-8, 8:-8] & right[8:-8])
    for array in (rendered.normals, rendered.color, rendered.confidence):
        assert not array[~is_shown].any()


def test_color_and_confidence(backend: str):
    view = plane_view(CAMERA, np.eye(4), np.array([0.0, 0.0, 1.0]), 1.0)
    color = np.full((120, 160, 3), [200, 100, 3], np.uint8)
    volume = fused([View(view.depth_m, CAMERA, np.eye(4), color)], 0.02, num_times=5)
    rendered = volume.raycast(OTHER_CAMERA, np.eye(4))
    inner = np.s_[8:-8, 12:-12]
    np.testing.assert_array_equal(
        rendered.color[inner], np.broadcast_to([200, 100, 3], (19, 25, 3))
    )
    # five readings at 1 m, cos(incidence) down to 0.95 there, each rounded to 1 / 256
    assert (np.abs(rendered.confidence[inner] - 4.9) < 0.15).all()


def test_empty_map_and_empty_image(backend: str):
    rendered = Volume(capacity=4).raycast(OTHER_CAMERA, np.eye(4))
    for array in rendered:
        assert not array.any()
    assert rendered.normals.shape == (35, 49, 3)
    nothing = replace(OTHER_CAMERA, width=0, height=0)
    assert Volume(capacity=4).raycast(nothing, np.eye(4)).depth_m.shape == (0, 0)


@pytest.mark.parametrize("width", [1, 16, 33])
def test_image_widths(backend: str, width: int):
    """Whatever the image's size, its pixels are those of the wider image."""
    volume = fused([plane_view(CAMERA, np.eye(4), np.array([0.1, 0.0, 0.995]), 0.8)], 0.02)
    wide = volume.raycast(OTHER_CAMERA, np.eye(4)).depth_m
    narrow = volume.raycast(replace(OTHER_CAMERA, width=width), np.eye(4)).depth_m
    np.testing.assert_allclose(narrow, wide[:, :width], atol=1e-4)


def assert_like(cpu: RenderedArrays, reference: RenderedArrays, voxel_size_m: float):
    """Compare tightly inside of smooth surfaces.

    Elsewhere the CPU's longer steps may pass slivers of the surface.
    """
    for actual, expected in zip(cpu, reference, strict=True):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
    with using("reference"):
        gradient = inverse_depth_gradient(reference.depth_m, NOISE)
    is_smooth = np.asarray(binary_erosion(gradient[..., 0] != NO_GRADIENT), dtype=np.bool_)
    assert is_smooth.mean() > 0.3
    assert (cpu.depth_m[is_smooth] == 0).mean() < 0.002
    difference_voxels = np.abs(cpu.depth_m - reference.depth_m)[is_smooth] / voxel_size_m
    # the chord between two samples leaves the curve only where the map bends, in creases
    assert np.quantile(difference_voxels, 0.95) < 0.02
    assert np.quantile(difference_voxels, 0.99) < 0.07  # 0.057 .. 0.061, depending on the dither
    cosine = (cpu.normals * reference.normals).sum(axis=-1)[is_smooth]
    assert np.quantile(cosine, 0.5) > 0.999
    color = np.abs(cpu.color.astype(int) - reference.color).max(axis=-1)[is_smooth]
    assert np.quantile(color, 0.95) <= 1
    confidence = np.abs(cpu.confidence[is_smooth] / reference.confidence[is_smooth] - 1)
    assert np.quantile(confidence, 0.9) < 0.02

    both = (cpu.depth_m > 0) & (reference.depth_m > 0)
    assert ((cpu.depth_m > 0) != (reference.depth_m > 0)).mean() < 0.02
    assert (np.abs(cpu.depth_m - reference.depth_m)[both] > 0.5 * voxel_size_m).mean() < 0.01


@pytest.mark.parametrize("k", [0, 2])
def test_raycast_like_reference(fused_room: Volume, room_views: list[View], k: int):
    T = room_views[k].T_world_camera
    camera = replace(SMALL_CAMERA, width=63, height=50)
    reference, cpu = with_both(lambda: fused_room.raycast(camera, T))
    assert_like(cpu, reference, fused_room.voxel_size_m)
