"""Recordings as people have them: read right, or refused in one line that helps."""

import json
import logging

import cv2
import numpy as np
import pytest

from slam.config import Config, PlaybackConfig
from slam.errors import SlamError
from slam.sources.detect import format_of, open_source
from slam.sources.images import VideoFrame
from slam.sources.playback import PlaybackCounts, playback
from slam.trajectory import Trajectory, tum_text


@pytest.fixture
def tum(tmp_path, sample):
    sample.write["tum"](tmp_path / "rec")
    return tmp_path / "rec"


@pytest.fixture
def plain(tmp_path, sample):
    sample.write["folder"](tmp_path / "rec")
    return tmp_path / "rec"


def _open(folder):
    return open_source(str(folder), Config())


def _refusal(folder):
    with pytest.raises(SlamError) as error:
        _open(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def _check(folder, sample, num_frames=None):
    """What was written comes back: depth, colour, times and poses."""
    source = _open(folder)
    assert len(source.timestamps_s) == (num_frames or sample.num_frames)
    np.testing.assert_allclose(
        np.diff(source.timestamps_s), 1 / 30, atol=1.1e-3
    )  # stamps may be of ms
    for i in range(len(source.timestamps_s)):
        frame = source.read(i)
        np.testing.assert_allclose(frame.depth_m, sample.depth_m(i), atol=0.001)
        assert frame.color is not None, frame.no_color
        difference = np.abs(frame.color.astype(int) - sample.color(i).astype(int))
        assert difference.mean() <= 3
    truth = source.ground_truth()
    if truth is not None:
        np.testing.assert_allclose(truth.timestamps_s, source.timestamps_s, atol=1e-4)
        np.testing.assert_allclose(truth.Ts_world_camera[1], sample.pose(1), atol=1e-6)
    return source


def _edit(path, change):
    path.write_text(change(path.read_text()))


TUM_TEXTS = ("rgb.txt", "depth.txt", "groundtruth.txt", "camera.yaml")


@pytest.mark.parametrize("name", TUM_TEXTS)
def test_a_byte_order_mark_is_read_over(tum, sample, name):
    text = (tum / name).read_text().removeprefix("# a comment\n")
    (tum / name).write_text("\ufeff" + text, encoding="utf-8")
    _check(tum, sample)


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_of_every_system(tum, sample, line_end):
    for name in TUM_TEXTS:
        data = (tum / name).read_bytes().replace(b"\n", line_end.encode())
        (tum / name).write_bytes(data)
    _check(tum, sample)


def test_timestamps_of_windows(plain, sample):
    lines = [f"{i + 8:06d} {i / 30:.6f}\r\n" for i in range(4)]
    (plain / "timestamps.txt").write_bytes("".join(lines).encode())
    _check(plain, sample)


@pytest.mark.parametrize("separator", [",", ", ", "\t"])
def test_tables_with_other_separators(tum, sample, separator):
    for name in TUM_TEXTS[:3]:
        _edit(tum / name, lambda text: text.replace(" ", separator))
    _check(tum, sample)


def test_a_header_without_a_mark(tum, sample):
    for name, header in (("rgb.txt", "timestamp filename"), ("depth.txt", "timestamp,filename")):
        _edit(tum / name, lambda text, h=header: text.replace("# a comment", h))
    _edit(
        tum / "groundtruth.txt",
        lambda text: text.replace("# a comment", "timestamp tx ty tz qx qy qz qw"),
    )
    _check(tum, sample)


def test_paths_that_were_written_on_windows(tum, sample):
    for name in TUM_TEXTS[:2]:
        _edit(tum / name, lambda text: text.replace("/", "\\"))
    _check(tum, sample)


@pytest.mark.parametrize("place", ["depth/._8.png", "color/.DS_Store", "color/._8.jpg"])
def test_hidden_files_are_no_frames(plain, sample, place):
    (plain / place).write_bytes(b"x")
    _check(plain, sample)


def test_upper_case_extensions_and_padded_numbers(plain, sample):
    for path in [*plain.glob("depth/*"), *plain.glob("color/*")]:
        path.rename(path.with_name(f"frame_{int(path.stem):08d}{path.suffix.upper()}"))
    _check(plain, sample)


@pytest.mark.parametrize("name", ["rgb", "image", "images", "Color"])
def test_colour_in_another_folder(plain, sample, name):
    (plain / "color").rename(plain / name)
    if name == "Color":
        (plain / name).rename(plain / "color")
    _check(plain, sample)


@pytest.mark.parametrize(("units_per_s", "unit"), [(1e3, "milli"), (1e6, "micro"), (1e9, "nano")])
def test_stamps_in_other_units_are_converted_and_told(tum, sample, caplog, units_per_s, unit):
    for name in TUM_TEXTS[:3]:
        rows = [row.split(" ", 1) for row in (tum / name).read_text().splitlines()[1:]]
        scaled = [f"{round((1.7e9 + float(s)) * units_per_s)} {rest}" for s, rest in rows]
        (tum / name).write_text("\n".join(scaled) + "\n")
    source = _check(tum, sample)
    assert source.timestamps_s[0] == pytest.approx(1.7e9 + 100)
    assert f"depth.txt: the time stamps are {unit}seconds" in caplog.text


def test_stamps_cut_to_seconds_are_refused(tum):
    _edit(tum / "depth.txt", lambda text: text.replace("100.0", "100 ").replace("100.1", "100 "))
    rows = (tum / "depth.txt").read_text().splitlines()[1:]
    (tum / "depth.txt").write_text("".join(f"100 {row.split()[-1]}\n" for row in rows))
    assert "time stamps are equal" in _refusal(tum)


@pytest.mark.parametrize("form", ["{:.6f}", "{:.0f}"])
def test_files_named_by_their_times(plain, sample, form):
    """Colour 4 ms after depth: no number is in common, but the times are near."""
    in_units = 1.0 if "6" in form else 1e9
    for folder, delay_s in (("depth", 0.0), ("color", 0.004)):
        for path in list((plain / folder).iterdir()):
            stamp_s = 1.7e9 + (int(path.stem) - 8) / 30 + delay_s
            path.rename(path.with_name(form.format(stamp_s * in_units) + path.suffix))
    (plain / "groundtruth.txt").unlink()
    assert _check(plain, sample).timestamps_s[0] == pytest.approx(1.7e9)


def test_redwoods_names_have_number_and_microseconds(plain, sample):
    """Colour and depth are numbered apart; the times pair them."""
    for folder, first, delay_us in (("depth", 1, 0), ("color", 7, 9000)):
        for path in list((plain / folder).iterdir()):
            number = int(path.stem) - 8
            name = f"{number + first:07d}-{round(number * 1e6 / 30) + delay_us:012d}"
            path.rename(path.with_name(name + path.suffix))
    (plain / "color").rename(plain / "rgb")
    _check(plain, sample)


def test_colour_that_belongs_to_no_depth_is_refused(plain):
    for path in list((plain / "color").iterdir()):
        path.rename(path.with_name(f"{int(path.stem) + 100}.jpg"))
    assert "no colour image belongs to a depth image" in _refusal(plain)


@pytest.mark.parametrize("factor", [2, 3.5])
@pytest.mark.parametrize("kind", ["tum", "folder"])
def test_colour_of_another_size_is_resized(tmp_path, sample, kind, factor):
    sample.write[kind](tmp_path)
    for path in [*tmp_path.glob("rgb/*"), *tmp_path.glob("color/*")]:
        image = cv2.imread(str(path))
        cv2.imwrite(str(path), cv2.resize(image, None, None, factor, factor))
    _check(tmp_path, sample)


def test_colour_of_another_view_is_refused_once(plain):
    for path in (plain / "color").iterdir():
        cv2.imwrite(str(path), np.zeros((48, 96, 3), np.uint8))
    assert "colour is 96x48, 64x48 is expected: not one view in two sizes" in _refusal(plain)


def test_a_run_ends_with_how_many_frames_had_no_colour_and_why(plain, caplog):
    (plain / "color/9.jpg").unlink()
    (plain / "color/10.jpg").unlink()
    (plain / "color/11.jpg").write_bytes(b"")
    counts = PlaybackCounts()
    with caplog.at_level(logging.WARNING):
        list(playback(_open(plain), PlaybackConfig(), counts))
    assert counts.without_color == 3
    assert "3 of 4 frames had no colour (no colour image has its number: 2; 1 " in caplog.text


def test_many_skipped_frames_are_not_told_one_by_one(plain, sample, caplog):
    for number in range(12, 40):
        sample.write_depth(plain / f"depth/{number}.png", np.zeros((48, 64)), 1000.0)
    with caplog.at_level(logging.WARNING):
        list(playback(_open(plain), PlaybackConfig()))
    assert caplog.text.count("skipped frame") == 5
    assert "28 frames were skipped in all" in caplog.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("fx: .inf", "fx must be a number of pixels"),
        ("fy: -58.5", "mirror the world"),
        ("cx: 95.5\ncy: 71.5\nfx: 170\nfy: 170", "belong to images of about 192x144"),
        ("cx: 90.0", "outside of the 64x48 image"),
        ("fps: 0", "fps must be positive"),
        ("depth_scale: -1000", "depth_scale must be positive"),
        ("width: 48\nheight: 64", "its depth images are 64x48, its camera is 48x64"),
        ("depth_scale: 4.0", "would make it"),
        ("depth_kind: euclidean", "must be one of z, ray"),
    ],
)
def test_a_camera_file_that_cannot_be(plain, values, message):
    lines = (plain / "camera.yaml").read_text().splitlines()
    given = {line.split(":")[0] for line in values.splitlines()}
    kept = [line for line in lines if line.split(":")[0] not in given]
    (plain / "camera.yaml").write_text("\n".join([*kept, *values.splitlines()]) + "\n")
    assert message in _refusal(plain)


def test_camera_files_of_opencv_are_named(plain):
    (plain / "camera.yaml").write_text("%YAML:1.0\nCamera.fx: 58.5\n")
    assert "is a file of OpenCV, ROS or ORB-SLAM: write a camera.yaml with" in _refusal(plain)


def test_depth_along_the_ray(plain, sample):
    _edit(plain / "camera.yaml", lambda text: text + "depth_kind: ray\n")
    x, y = sample.camera.slopes()
    ray = np.sqrt(x**2 + y[:, None] ** 2 + 1)
    for i in range(sample.num_frames):
        sample.write_depth(plain / f"depth/{i + 8}.png", sample.depth_m(i) * ray, 1000.0)
    _check(plain, sample)


def test_an_assumed_scale_is_told(tum, caplog):
    _open(tum)
    assert "no depth_scale is stated: 5000 is assumed, the default of TUM RGB-D" in caplog.text


def test_depth_in_a_file_of_another_kind_names_what_was_seen_and_what_is_wanted(plain):
    for path in list((plain / "depth").iterdir()):
        path.rename(path.with_suffix(".jpg"))
    message = _refusal(plain)
    assert "found .jpg there" in message
    assert "16-bit PNG" in message


@pytest.mark.parametrize("row", ["nan nan nan 0 0 0 1", "1 2 -inf 0 0 0 1", "1 2 3 0 0 0 0"])
def test_rows_of_the_truth_that_are_no_poses_are_left_out_and_counted(tum, caplog, row):
    lines = (tum / "groundtruth.txt").read_text().splitlines()
    lines[2] = f"{lines[2].split()[0]} {row}"
    (tum / "groundtruth.txt").write_text("\n".join(lines) + "\n")
    source = _open(tum)
    for _ in range(2):  # run and report ask each, and it is told once
        assert len(source.ground_truth()) == 3
    assert caplog.text.count("1 of 4 rows are no poses and left out, the first in line 3") == 1


def test_a_truth_of_kitti_is_named(tum):
    (tum / "groundtruth.txt").write_text("1 0 0 0 0 1 0 0 0 0 1 0\n" * 4)
    with pytest.raises(SlamError, match="12 numbers a row and no time, as KITTI"):
        _open(tum).ground_truth()


def test_a_truth_of_euroc_is_read(tum, sample):
    """Nanoseconds, commas, and qw before qx, as its header says."""
    rows = ["#timestamp,p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y []"]
    for line in (tum / "groundtruth.txt").read_text().splitlines()[1:]:
        stamp, *t, qx, qy, qz, qw = line.split()
        rows.append(",".join([str(round(float(stamp) * 1e9)), *t, qw, qx, qy, qz, "0", "0", "0"]))
    (tum / "groundtruth.txt").write_text("\n".join(rows) + "\n")
    _check(tum, sample)


def test_icl_nuim_is_not_mirrored(tmp_path, sample):
    """Its images are stored from the top, its poses are of axes whose y points up."""
    folder = tmp_path / "living_room_traj1_frei_png"
    flip = np.diag([1.0, -1.0, 1.0, 1.0])
    lists, poses = [], []
    camera = sample.camera.resized(640, 480)
    for i in range(sample.num_frames):
        large = cv2.resize(sample.depth_m(i), (640, 480), interpolation=cv2.INTER_NEAREST)
        sample.write_depth(folder / f"depth/{i}.png", large, 5000.0)
        sample.write_color(folder / f"rgb/{i}.png", cv2.resize(sample.color(i), (640, 480)))
        lists.append(f"{i} depth/{i}.png {i} rgb/{i}.png\n")
        T = flip @ sample.pose(i) @ flip
        poses.append(tum_text(Trajectory(np.array([float(i)]), T[None])).splitlines()[1] + "\n")
    (folder / "associations.txt").write_text("".join(lists))
    (folder / "livingRoom1.gt.freiburg").write_text("".join(poses))
    source = _open(folder)
    assert format_of(folder) == "TUM RGB-D"
    assert (source.camera.fx, source.camera.fy) == (481.2, 480.0)
    assert camera.width == source.camera.width
    np.testing.assert_allclose(source.timestamps_s, np.arange(4) / 30)
    truth = source.ground_truth()
    np.testing.assert_allclose(truth.timestamps_s, source.timestamps_s, atol=1e-9)
    np.testing.assert_allclose(truth.Ts_world_camera[2], sample.pose(2), atol=1e-6)


def test_the_colour_of_a_phones_video(tmp_path, sample):
    """Stray Scanner's own layout: a video of another size, frame numbers that start late."""
    sample.write["stray_scanner"](tmp_path)
    writer = cv2.VideoWriter(
        str(tmp_path / "rgb.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (128, 96)
    )
    for i in range(7):
        color = sample.color(i - 3 if i >= 3 else 0)
        writer.write(cv2.resize(np.ascontiguousarray(color[..., ::-1]), (128, 96)))
    writer.release()
    source = _open(tmp_path)
    for i in (2, 0, 3, 1):  # in any order
        color = source.read(i).color
        difference = np.abs(color.astype(int) - sample.color(i).astype(int))
        assert difference.mean() < 6  # what the video's compression leaves
    assert isinstance(source._listing.color[0], VideoFrame)


def test_low_confidence_of_a_phone_is_missing_depth(tmp_path, sample):
    sample.write["stray_scanner"](tmp_path)
    confidence = np.full((48, 64), 2, np.uint8)
    confidence[20:30] = 0
    cv2.imwrite(str(tmp_path / "confidence/000003.png"), confidence)
    depth_m = _open(tmp_path).read(0).depth_m
    assert not depth_m[20:30].any()
    assert depth_m[30:].all()


def test_scannet_colour_that_was_made_smaller_without_its_matrix(tmp_path, sample, caplog):
    sample.write["scannet"](tmp_path)
    for path in (tmp_path / "color").iterdir():
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (64, 48)))
    _check(tmp_path, sample)
    assert "its values are scaled to them" in caplog.text


def test_redwood_without_a_camera_file_has_primesenses(tmp_path, sample, caplog):
    sample.write["open3d"](tmp_path)
    (tmp_path / "camera_intrinsic.json").unlink()
    assert format_of(tmp_path) == "Redwood / Open3D"
    assert "its depth images are 64x48, its camera is 640x480" in _refusal(tmp_path)
    assert "PrimeSense's is taken" in caplog.text


def test_nerfcapture_names_images_without_their_endings(tmp_path, sample):
    sample.write["nerfstudio"](tmp_path)
    values = json.loads((tmp_path / "transforms.json").read_text())
    for frame in values["frames"]:
        path = tmp_path / frame["file_path"]
        cv2.imwrite(str(path.with_suffix(".png")), cv2.imread(str(path)))
        frame["file_path"] = frame["file_path"].removesuffix(".jpg")
        frame["depth_path"] = frame.pop("depth_file_path")
    for i in range(sample.num_frames):
        sample.write_depth(tmp_path / f"depths/{i}.png", sample.depth_m(i), 6553.5)
    values["integer_depth_scale"] = 10 / 65535
    (tmp_path / "transforms.json").write_text(json.dumps(values))
    _check(tmp_path, sample)


@pytest.mark.parametrize("text", ["", "started\n", "12:03 frame 1\n12:04 frame 2\n", "\xff"])
def test_logs_of_other_programs_are_no_poses(plain, sample, text):
    (plain / "capture.log").write_text(text, encoding="latin-1")
    (plain / "groundtruth.txt").unlink()
    assert _check(plain, sample).ground_truth() is None
