"""Laws for every format: what was written comes back in metres, seconds, RGB, OpenCV axes."""

import json

import cv2
import numpy as np
import pytest

from slam.config import Config
from slam.errors import BadFrameError
from slam.sources.detect import format_of, open_source

KINDS = {
    "tum": "TUM RGB-D",
    "replica": "Replica",
    "seven_scenes": "7-Scenes",
    "scannet": "ScanNet",
    "folder": "plain folder",
    "associations": "TUM RGB-D",
    "open3d": "Redwood / Open3D",
    "stray_scanner": "Stray Scanner",
    "arkit_scenes": "ARKitScenes",
    "record3d": "Record3D",
    "nerfstudio": "nerfstudio",
    "polycam": "Polycam",
    "neural_rgbd": "Neural RGB-D",
}
POSES_APART = [
    kind for kind in KINDS if kind not in ("stray_scanner", "record3d", "nerfstudio", "polycam")
]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def folder(kind, sample, tmp_path):
    sample.write[kind](tmp_path)
    return tmp_path


@pytest.fixture
def source(folder):
    return open_source(str(folder), Config())


def test_detects_the_format(folder, kind):
    assert format_of(folder) == KINDS[kind]


def test_depth_is_in_metres_and_missing_is_zero(source, kind, sample):
    for i in range(sample.num_frames):
        depth_m = source.read(i).depth_m
        expected_m = sample.depth_m(i)
        if kind == "seven_scenes":
            expected_m[8:12, :8] = 0.0  # stored as 65535
        # Half a millimetre: the rounding of the coarsest of the formats.
        np.testing.assert_allclose(depth_m, expected_m, atol=0.0005 + 1e-6)
        assert depth_m[0, 0] == 0.0


def test_color_is_rgb_of_the_depth_pixels(source, sample):
    for i in range(sample.num_frames):
        color = source.read(i).color
        # JPEG subsamples colour: a few grey levels at most on these smooth ramps.
        difference = np.abs(color.astype(int) - sample.color(i).astype(int))
        assert difference.max() <= 8
        assert difference.mean() <= 2


def test_frames_carry_index_stamp_camera(source, sample):
    assert source.camera == sample.camera
    assert len(source.timestamps_s) == sample.num_frames
    np.testing.assert_allclose(np.diff(source.timestamps_s), 1 / 30, atol=1e-5)
    frame = source.read(2)
    assert (frame.index, frame.timestamp_s) == (2, source.timestamps_s[2])
    assert frame.camera == source.camera
    assert frame.depth_noise == source.depth_noise


def test_ground_truth_is_camera_to_world_at_the_frames_stamps(source, sample):
    truth = source.ground_truth()
    np.testing.assert_allclose(truth.timestamps_s, source.timestamps_s, atol=1e-6)
    for i in range(sample.num_frames):
        np.testing.assert_allclose(truth.Ts_world_camera[i], sample.pose(i), atol=1e-9)


def test_frames_do_not_depend_on_the_order_of_reading(source):
    last, first = source.read(3), source.read(0)
    np.testing.assert_array_equal(source.read(0).depth_m, first.depth_m)
    np.testing.assert_array_equal(source.read(3).color, last.color)


def test_truncated_depth_is_a_bad_frame(folder, source):
    path = _depth_paths(folder)[0]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadFrameError, match=r"truncated|cannot be read"):
        _read_all(source)


def test_truncated_color_leaves_the_depth(folder, source):
    path = _color_paths(folder)[0]
    path.write_bytes(path.read_bytes()[:-40])
    reasons = [frame.no_color for frame in _read_all(source) if frame.color is None]
    assert len(reasons) == 1
    assert "truncated" in reasons[0]


def test_depth_without_color_is_kept(folder, sample):
    _color_paths(folder)[0].unlink()
    source = open_source(str(folder), Config())
    frames = _read_all(source)
    assert len(frames) == sample.num_frames
    assert sum(frame.color is None for frame in frames) == 1


def test_color_without_depth_is_no_frame(folder, kind, sample):
    lists = {"tum": "depth.txt", "associations": "associations.txt"}
    if kind in lists:  # its frames are the lines of the list
        path = folder / lists[kind]
        path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    elif kind == "nerfstudio":
        path = folder / "transforms.json"
        values = json.loads(path.read_text())
        path.write_text(json.dumps(values | {"frames": values["frames"][1:]}))
    else:
        _depth_paths(folder)[0].unlink()
    source = open_source(str(folder), Config())
    assert len(source.timestamps_s) == sample.num_frames - 1
    assert all(frame.color is not None for frame in _read_all(source))


def test_wrong_size_of_depth_is_a_bad_frame(folder, source, sample):
    path = _depth_paths(folder)[-1]
    sample.write_depth(path, np.ones((10, 20)), 1000.0)
    with pytest.raises(BadFrameError, match="20x10"):
        _read_all(source)


def test_wrong_size_of_color_leaves_the_depth(folder, source):
    path = _color_paths(folder)[-1]
    cv2.imwrite(str(path), np.zeros((10, 20, 3), np.uint8))
    reasons = [frame.no_color for frame in _read_all(source) if frame.color is None]
    assert len(reasons) == 1
    assert "20x10" in reasons[0]


@pytest.mark.parametrize("kind", POSES_APART, indirect=True)
def test_without_poses_there_is_no_ground_truth(folder, kind):
    if kind == "neural_rgbd":  # which is known by its poses.txt
        (folder / "poses.txt").write_text("")
    for pattern in ("groundtruth.txt", "traj.txt", "*.pose.txt", "pose/*.txt", "*.log", "*.traj"):
        for path in folder.glob(pattern):
            path.unlink()
    assert open_source(str(folder), Config()).ground_truth() is None


def test_polycam_s_smoothed_depth_is_no_frame(tmp_path, sample):
    sample.write["polycam"](tmp_path)
    for path in list(tmp_path.glob("keyframes/depth/*.png")):
        path.with_suffix(".Clean.png").write_bytes(path.read_bytes())
    assert len(open_source(str(tmp_path), Config()).timestamps_s) == sample.num_frames


def _read_all(source):
    return [source.read(i) for i in range(len(source.timestamps_s))]


def _depth_paths(folder):
    images = [path for path in folder.rglob("*") if path.suffix in (".png", ".npy")]
    return sorted(path for path in images if "depth" in str(path.relative_to(folder)))


def _color_paths(folder):
    images = [path for path in folder.rglob("*") if path.suffix in (".png", ".jpg")]
    images = [path for path in images if "confidence" not in str(path)]
    return sorted(path for path in images if path not in _depth_paths(folder))
