"""What lenses and places of cameras make of images."""

import cv2
import numpy as np
import pytest

from kernels.reference.lens import distort
from slam.camera import Camera
from slam.errors import BadFrameError
from slam.geometry import se3_exp
from slam.sources.lens import Lens
from slam.sources.rig import Registered, Rig

CAMERA = Camera(160, 120, 130.0, 131.0, 78.0, 61.0)


def seen_by(color_camera: Camera, depth_camera: Camera, color: np.ndarray) -> Registered:
    """Register with cameras at one place."""
    depth_m = np.zeros((depth_camera.height, depth_camera.width), np.float32)
    return Rig(Lens(depth_camera), Lens(color_camera)).registered(color, depth_m)


def test_warp_of_a_finer_image_averages_it():
    """A chessboard of single pixels is grey at half the resolution; sampling it is not."""
    color_camera, depth_camera = (
        Camera(80, 60, 80.0, 80.0, 39.5, 29.5),
        Camera(40, 30, 40.0, 40.0, 19.75, 14.75),
    )
    v, u = np.mgrid[:60, :80]
    chessboard = np.repeat((255 * ((u + v) % 2)).astype(np.uint8)[..., None], 3, axis=2)
    warped = seen_by(color_camera, depth_camera, chessboard).color
    np.testing.assert_allclose(warped, 127.5, atol=1)


@pytest.mark.parametrize("color_width", [640, 1296])
def test_warp_finds_the_same_ray(color_width):
    """Colour that is linear in the ray's direction keeps its value for each ray."""
    color_camera = Camera(
        color_width,
        color_width * 3 // 4,
        0.9 * color_width,
        0.9 * color_width,
        0.49 * color_width,
        300.0,
    )
    depth_camera = Camera(640, 480, 577.6, 578.7, 318.9, 242.7)

    def ramp(camera):
        x = (np.arange(camera.width) - camera.cx) / camera.fx
        return np.tile(128 + 150 * x, (camera.height, 1))

    color = np.rint(np.repeat(ramp(color_camera)[..., None], 3, axis=2)).astype(np.uint8)
    warped = seen_by(color_camera, depth_camera, color).color
    inner = np.s_[40:-40, 40:-40]
    # two roundings to grey levels
    np.testing.assert_allclose(warped[..., 0][inner], ramp(depth_camera)[inner], atol=1.1)


LENSES = {
    "opencv": Lens(CAMERA, "brown_conrady", (0.26, -0.95, -0.005, 0.003, 1.16)),
    "rational": Lens(CAMERA, "brown_conrady", (0.9, -0.2, 1e-3, 2e-3, 0.1, 0.8, -0.1, 0.05)),
    "fisheye": Lens(CAMERA, "fisheye", (-0.02, 0.01, -0.005, 0.001)),
    "ftheta": Lens(CAMERA, "ftheta", (0.9,)),
}


def image_of(lens: Lens, scene) -> np.ndarray:
    """Return what a lens images of a function of the direction: by the table that is under test
    turned round, so by search.
    """
    c = lens.camera
    fine = np.linspace(-1.2, 1.2, 1201)
    x, y = np.meshgrid(fine, fine)
    u, v = np.moveaxis(projected(lens, x, y), -1, 0)
    values = scene(x, y)
    total = np.zeros((c.height, c.width))
    count = np.zeros_like(total)
    iu, iv = np.rint(u).astype(int), np.rint(v).astype(int)
    inside = (iu >= 0) & (iv >= 0) & (iu < c.width) & (iv < c.height)
    np.add.at(total, (iv[inside], iu[inside]), values[inside])
    np.add.at(count, (iv[inside], iu[inside]), 1)
    return np.where(count > 0, total / np.maximum(count, 1), 0.0)


def projected(lens: Lens, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    c = lens.camera
    dx, dy = distort(x, y, lens.distortion)
    return np.stack([dx * c.fx + c.cx, dy * c.fy + c.cy], axis=-1)


@pytest.mark.parametrize("name", LENSES)
def test_depth_and_color_of_one_lens_become_straight(name):
    """Depth and colour that depend on the direction alone come back at the pixels of the pinhole
    camera.
    """
    lens = LENSES[name]
    depth_m = image_of(lens, lambda x, y: 1.0 / (0.6 + 0.1 * x - 0.05 * y)).astype(np.float32)
    gray = image_of(lens, lambda x, y: 120 + 60 * x + 40 * y)
    color = np.repeat(np.rint(gray).astype(np.uint8)[..., None], 3, axis=2)
    rig = Rig(lens)
    assert rig.is_undistorted
    straight_m = rig.depth(depth_m)
    straight, mask = rig.registered(color, straight_m)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    x, y = (u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy
    is_seen = np.ones(depth_m.shape, bool) if mask is None else mask
    inner = cv2.erode(is_seen.astype(np.uint8), np.ones((7, 7)), borderValue=0) > 0
    assert inner.mean() > 0.6
    wanted_m = 1.0 / (0.6 + 0.1 * x - 0.05 * y)
    # half a pixel of the slope in each direction, (0.1 + 0.05) / 130 / 0.5 / 2, and the image's own
    np.testing.assert_allclose(straight_m[inner], wanted_m[inner], rtol=3e-3)
    np.testing.assert_allclose(straight[inner][:, 0], (120 + 60 * x + 40 * y)[inner], atol=1.2)
    assert (straight_m[~is_seen] == 0).all()


def test_a_color_camera_beside_depth_s_gives_each_pixel_its_point(tmp_path):
    """Colour is a function of the place in the world; both cameras have lenses of their own."""
    T_color_depth = se3_exp(np.array([0.05, -0.01, 0.02, 0.02, -0.03, 0.01]))
    color_camera = Camera(200, 150, 190.0, 188.0, 97.0, 76.0)
    color_lens = Lens(color_camera, "brown_conrady", (0.1, -0.2, 0.002, -0.001, 0.05))
    n = np.array([0.1, -0.05, 0.6])  # the wall n . p_depth = 1

    def gray(p):
        return 120 + 40 * p[..., 0] + 30 * p[..., 1]

    # what the colour camera sees of the wall
    R, t = T_color_depth[:3, :3], T_color_depth[:3, 3]
    n_color = R @ n / (1 + (R @ n) @ t)

    def in_color(x, y):
        rays = np.stack([x, y, np.ones_like(x)], axis=-1)
        return gray((rays / (rays @ n_color)[..., None] - t) @ R)

    image = np.rint(image_of(color_lens, in_color)).astype(np.uint8)
    rays = pinhole_rays(CAMERA)
    p_depth = rays / (rays @ n)[..., None]
    rig = Rig(Lens(CAMERA), color_lens, T_color_depth)
    found, mask = rig.registered(
        np.repeat(image[..., None], 3, axis=2), p_depth[..., 2].astype(np.float32)
    )
    p_color = p_depth @ R.T + t
    u, v = np.moveaxis(
        projected(color_lens, p_color[..., 0] / p_color[..., 2], p_color[..., 1] / p_color[..., 2]),
        -1,
        0,
    )
    is_seen = (u > -0.5) & (v > -0.5) & (u < 199.5) & (v < 149.5)
    assert 0.5 < is_seen.mean() < 0.95  # depth sees wider
    np.testing.assert_array_equal(mask, is_seen)
    inner = cv2.erode(is_seen.astype(np.uint8), np.ones((7, 7)), borderValue=0) > 0
    np.testing.assert_allclose(found[inner][:, 0], gray(p_depth)[inner], atol=1.6)


def pinhole_rays(camera: Camera) -> np.ndarray:
    v, u = np.mgrid[: camera.height, : camera.width]
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def test_an_image_of_another_size_is_a_bad_frame():
    depth_m = np.ones((120, 160), np.float32)
    with pytest.raises(BadFrameError, match="colour is 80x60 but depth is 160x120"):
        Rig(Lens(CAMERA)).registered(np.zeros((60, 80, 3), np.uint8), depth_m)
    rig = Rig(Lens(CAMERA), Lens(Camera(40, 30, 30.0, 30.0, 20.0, 15.0)))
    with pytest.raises(BadFrameError, match="colour is 80x60 but its camera is 40x30"):
        rig.registered(np.zeros((60, 80, 3), np.uint8), depth_m)
