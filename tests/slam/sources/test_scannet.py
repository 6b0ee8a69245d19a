import numpy as np
import pytest

from slam.camera import Camera
from slam.errors import SlamError
from slam.sources.image_sequence import ImageSequence
from slam.sources.registered import FixedWarp
from slam.sources.scannet import list_scannet


@pytest.fixture
def folder(tmp_path, sample):
    sample.write["scannet"](tmp_path)
    return tmp_path


def test_lost_poses_are_left_out(folder):
    (folder / "pose/1.txt").write_text("-inf -inf -inf -inf\n" * 4)
    source = ImageSequence(list_scannet(folder))
    truth = source.ground_truth()
    np.testing.assert_allclose(truth.timestamps_s, source.timestamps_s[[0, 2, 3]])
    assert np.isfinite(truth.Ts_world_camera).all()


def test_frames_are_in_numeric_order(folder):
    for name in ("depth/10.png", "color/10.jpg", "pose/10.txt"):
        (folder / name.replace("10", "2")).rename(folder / name)
    np.testing.assert_allclose(
        ImageSequence(list_scannet(folder)).timestamps_s, np.array([0, 1, 3, 10]) / 30
    )


def test_broken_intrinsics(folder):
    (folder / "intrinsic/intrinsic_depth.txt").write_text("1 2 3\n")
    with pytest.raises(SlamError, match=r"intrinsic_depth\.txt must hold"):
        ImageSequence(list_scannet(folder))
    (folder / "intrinsic/intrinsic_color.txt").unlink()
    sample_intrinsics = "58.5 0 31.5\n0 58.5 23.5\n0 0 1\n"
    (folder / "intrinsic/intrinsic_depth.txt").write_text(sample_intrinsics)
    with pytest.raises(SlamError, match=r"cannot read .*intrinsic_color\.txt"):
        ImageSequence(list_scannet(folder))


def test_warp_of_a_finer_image_averages_it():
    """A chessboard of single pixels is grey at half the resolution; sampling it is not."""
    color_camera, depth_camera = (
        Camera(80, 60, 80.0, 80.0, 39.5, 29.5),
        Camera(40, 30, 40.0, 40.0, 19.75, 14.75),
    )
    v, u = np.mgrid[:60, :80]
    chessboard = np.repeat((255 * ((u + v) % 2)).astype(np.uint8)[..., None], 3, axis=2)
    warped = FixedWarp(color_camera, depth_camera)(chessboard)
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
    warped = FixedWarp(color_camera, depth_camera)(color)
    inner = np.s_[40:-40, 40:-40]
    # Two roundings to grey levels, and 1/32 px of the map.
    np.testing.assert_allclose(warped[..., 0][inner], ramp(depth_camera)[inner], atol=1.2)
