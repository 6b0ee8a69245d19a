import numpy as np
import pytest

from slam.errors import BadFrameError, SlamError
from slam.sources.image_sequence import ImageSequence
from slam.sources.tum import KNOWN_CAMERAS, list_tum


@pytest.fixture
def folder(tmp_path, sample):
    sample.write["tum"](tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", KNOWN_CAMERAS)
def test_knows_public_cameras_by_folder_name(tmp_path, sample, name):
    folder = tmp_path / f"rgbd_dataset_{name}_desk"
    sample.write["tum"](folder)
    (folder / "camera.yaml").unlink()
    rig = list_tum(folder).rig
    assert rig.camera == KNOWN_CAMERAS[name].camera
    assert rig.is_undistorted == (name != "freiburg3")


def test_camera_file_wins_over_the_name(tmp_path, sample):
    folder = tmp_path / "rgbd_dataset_freiburg1_desk"
    sample.write["tum"](folder)
    assert ImageSequence(list_tum(folder)).camera == sample.camera


def test_unknown_camera_asks_for_a_camera_file(folder):
    (folder / "camera.yaml").unlink()
    with pytest.raises(SlamError, match=r"add a camera\.yaml") as error:
        ImageSequence(list_tum(folder))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("width: 640", "lacks height, fx, fy, cx, cy"),
        ("[1, 2]", "keys and values"),
        ("a: [", "not valid YAML"),
    ],
)
def test_broken_camera_file_says_what_is_wrong(folder, text, message):
    (folder / "camera.yaml").write_text(text)
    with pytest.raises(SlamError, match=message):
        ImageSequence(list_tum(folder))


def test_unknown_key_in_camera_file_is_named(folder):
    path = folder / "camera.yaml"
    path.write_text(path.read_text() + "dept_scale: 1000\n")
    with pytest.raises(SlamError, match="dept_scale"):
        ImageSequence(list_tum(folder))


def test_broken_line_is_named(folder):
    (folder / "depth.txt").write_text("# comment\nnonsense\n")
    with pytest.raises(SlamError, match=r"depth\.txt:2"):
        ImageSequence(list_tum(folder))


def test_a_listed_image_that_is_missing_is_one_bad_frame(folder):
    source = ImageSequence(list_tum(folder))
    next((folder / "depth").iterdir()).unlink()
    with pytest.raises(BadFrameError, match="No such file"):
        [source.read(i) for i in range(4)]


def test_color_more_than_20_ms_away_is_no_partner(folder):
    lines = (folder / "rgb.txt").read_text().splitlines()[1:]
    stamped = [line.split() for line in lines]
    moved = [f"{float(stamp) + 0.005:.6f} {name}" for stamp, name in stamped]  # 17 ms away
    (folder / "rgb.txt").write_text("\n".join(moved[1:2]))
    colors = [ImageSequence(list_tum(folder)).read(i).color for i in range(4)]
    # 17 ms after frame 1 is 16 ms before frame 2: the closer one takes it.
    assert [color is not None for color in colors] == [False, False, True, False]


def test_without_a_color_list_all_depth_is_kept(folder, caplog):
    (folder / "rgb.txt").unlink()
    assert ImageSequence(list_tum(folder)).read(0).color is None
    assert "no colour image" in caplog.text


def test_real_freiburg1(data_dir):
    source = ImageSequence(list_tum(data_dir / "rgbd_dataset_freiburg1_xyz_first10"))
    frames = [source.read(i) for i in range(len(source.timestamps_s))]
    assert len(frames) == 10
    assert source.camera.fx == 517.3
    # The stamps of a frame's colour and depth differ by less than 20 ms; one depth image has no
    # colour so near.
    assert sum(frame.color is None for frame in frames) == 1
    medians_m = [np.median(frame.depth_m[frame.depth_m > 0]) for frame in frames]
    assert 0.8 < min(medians_m) <= max(medians_m) < 1.5  # a desk at arm's length
    truth = source.ground_truth()
    assert len(truth) > 300  # motion capture at 100 Hz
    assert truth.timestamps_s[0] < source.timestamps_s[0] < truth.timestamps_s[-1]


def test_real_redkitchen(data_dir):
    source = ImageSequence(list_tum(data_dir / "redkitchen"))
    assert len(source.timestamps_s) == len(source.ground_truth()) == 300
    frame = source.read(150)
    assert frame.color.shape == (480, 640, 3)
    assert 0.7 < (frame.depth_m > 0).mean() <= 1.0
    assert 1.0 < np.median(frame.depth_m[frame.depth_m > 0]) < 3.0
