import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.errors import SlamError
from slam.sources.folder import list_folder
from slam.sources.image_sequence import ImageSequence


@pytest.fixture
def folder(tmp_path, sample):
    sample.write["folder"](tmp_path)
    return tmp_path


def test_names_are_ordered_by_number(folder, sample):
    """8, 9, 10, 11: as text 10 would come first."""
    depth_m = ImageSequence(list_folder(folder)).read(0).depth_m
    np.testing.assert_allclose(depth_m, sample.depth_m(0), atol=0.0006)


def test_without_a_camera_says_what_to_add(folder):
    (folder / "camera.yaml").unlink()
    with pytest.raises(SlamError, match=r"add a camera\.yaml with width"):
        ImageSequence(list_folder(folder))


def test_depth_scale_must_be_stated(folder):
    path = folder / "camera.yaml"
    path.write_text(path.read_text().replace("depth_scale: 1000\n", ""))
    with pytest.raises(SlamError, match="lacks depth_scale"):
        ImageSequence(list_folder(folder))


def test_names_without_or_with_equal_numbers_are_refused(folder):
    copy = folder / "depth/008.png"
    copy.write_bytes((folder / "depth/8.png").read_bytes())
    with pytest.raises(SlamError, match="same frame number"):
        ImageSequence(list_folder(folder))
    copy.rename(folder / "depth/first.png")
    with pytest.raises(SlamError, match="no frame number"):
        ImageSequence(list_folder(folder))


def test_rate_and_noise_of_the_camera_file(folder):
    path = folder / "camera.yaml"
    path.write_text(path.read_text().replace("fps: 30", "fps: 15\ndepth_noise: rendered"))
    source = ImageSequence(list_folder(folder))
    np.testing.assert_allclose(source.timestamps_s, np.arange(4) / 15)
    assert source.depth_noise == DepthNoise.rendered()


def test_accelerations_belong_to_the_frames_of_their_numbers(folder):
    path = folder / "accelerations.txt"
    path.write_text("11 1 2 3\n008 0.1 -9.8 0.25\n9 0 -9.8 0.")  # the last is cut off
    felt = [ImageSequence(list_folder(folder)).read(index).acceleration for index in range(4)]
    np.testing.assert_array_equal(felt[0], [0.1, -9.8, 0.25])
    np.testing.assert_array_equal(felt[3], [1.0, 2.0, 3.0])
    assert felt[1] is None
    assert felt[2] is None
    path.write_text("8 0.1 -9.8\n")
    with pytest.raises(SlamError, match=r"txt:1: expected 'number x y z', got '8 0\.1 -9\.8'"):
        ImageSequence(list_folder(folder))


def test_reference_is_no_ground_truth(folder):
    (folder / "groundtruth.txt").rename(folder / "reference.txt")
    assert ImageSequence(list_folder(folder)).ground_truth() is None
    (folder / "reference.txt").rename(folder / "trajectory.txt")
    assert len(ImageSequence(list_folder(folder)).ground_truth()) == 4


def test_real_livingroom(data_dir):
    source = ImageSequence(list_folder(data_dir / "redwood_livingroom"))
    assert len(source.timestamps_s) == 211
    assert source.ground_truth() is None
    frame = source.read(100)
    assert frame.color.shape == (480, 640, 3)
    assert (frame.depth_m > 0).mean() > 0.9
    assert 1.0 < np.median(frame.depth_m[frame.depth_m > 0]) < 4.0
