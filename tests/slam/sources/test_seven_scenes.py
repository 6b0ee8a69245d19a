import cv2
import numpy as np
import pytest

from slam.errors import SlamError
from slam.sources.image_sequence import ImageSequence
from slam.sources.images import read_color
from slam.sources.seven_scenes import list_seven_scenes
from slam.sources.tum import list_tum


def test_a_scene_root_names_its_sequences(tmp_path, sample):
    for name in ("seq-02", "seq-01"):
        sample.write["seven_scenes"](tmp_path / name)
    with pytest.raises(SlamError, match="seq-01, seq-02"):
        ImageSequence(list_seven_scenes(tmp_path))


def test_a_removed_frame_keeps_stamps_and_poses_of_the_others(tmp_path, sample):
    sample.write["seven_scenes"](tmp_path)
    (tmp_path / "frame-000001.depth.png").unlink()
    source = ImageSequence(list_seven_scenes(tmp_path))
    np.testing.assert_allclose(source.timestamps_s, np.array([0, 2, 3]) / 30)
    np.testing.assert_allclose(source.ground_truth().Ts_world_camera[1], sample.pose(2), atol=1e-9)


def test_color_is_that_of_the_projected_point(tmp_path, sample):
    """On a plane at 2 m registration is a shift by f t / z; a camera.yaml says the cameras."""
    color = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    sample.write_depth(tmp_path / "frame-000000.depth.png", np.full((480, 640), 2.0), 1000.0)
    sample.write_color(tmp_path / "frame-000000.color.png", color)
    x_m, y_m = -8 * 2 / 585, 3 * 2 / 585
    (tmp_path / "camera.yaml").write_text(
        "color_camera: {width: 640, height: 480, fx: 585, fy: 585, cx: 320, cy: 240}\n"
        f"T_color_depth:\n- [1, 0, 0, {x_m}]\n- [0, 1, 0, {y_m}]\n- [0, 0, 1, 0]\n"
    )
    frame = ImageSequence(list_seven_scenes(tmp_path)).read(0)
    difference = frame.color[:-3, 8:].astype(int) - color[3:, :-8]
    assert np.abs(difference).max() <= 1
    # what lies beyond the colour image is known not to be of the scene
    wanted = np.zeros((480, 640), bool)
    wanted[:-3, 8:] = True
    np.testing.assert_array_equal(frame.color_mask, wanted)


@pytest.fixture
def pair(data_dir):
    """The same frames: as published, and registered by another program."""
    return (
        ImageSequence(list_seven_scenes(data_dir / "seven_scenes_raw")),
        ImageSequence(list_tum(data_dir / "redkitchen")),
    )


@pytest.mark.parametrize("index", [0, 10, 19])
def test_real_color_agrees_with_its_registered_copy(pair, data_dir, index):
    raw, registered = pair
    warped, expected = raw.read(index), registered.read(index)
    np.testing.assert_array_equal(warped.depth_m, expected.depth_m)
    unwarped = read_color(data_dir / f"seven_scenes_raw/frame-{index:06d}.color.jpg")
    has_depth = warped.depth_m > 0

    def difference(color):
        return np.abs(_gray(color) - _gray(expected.color))[has_depth].mean()

    # What is left is two JPEG compressions; without the warp the images are 10 px apart.
    assert difference(warped.color) < 2.0 < 15.0 < difference(unwarped)


def test_real_depth_edges_lie_on_color_edges(pair, data_dir):
    """Needs no reference: the image gradient is stronger at depth edges after the warp."""
    frame = pair[0].read(5)
    unwarped = read_color(data_dir / "seven_scenes_raw/frame-000005.color.jpg")
    near = cv2.erode(frame.depth_m, np.ones((3, 3)))
    far = cv2.dilate(frame.depth_m, np.ones((3, 3)))
    is_edge = (near > 0) & (far - near > 0.08)
    assert _gradient(frame.color)[is_edge].mean() > 1.2 * _gradient(unwarped)[is_edge].mean()


def test_real_sequence(pair):
    source = pair[0]
    assert len(source.timestamps_s) == len(source.ground_truth()) == 20
    assert source.read(0).depth_m.max() < 10.0  # 65535 does not come through


def _gray(color):
    return cv2.cvtColor(color, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _gradient(color):
    gray = cv2.GaussianBlur(_gray(color), (0, 0), 1.5)
    return cv2.magnitude(cv2.Sobel(gray, -1, 1, 0), cv2.Sobel(gray, -1, 0, 1))
