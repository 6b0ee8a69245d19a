"""Files of RTAB-Map, Record3D and Azure Kinect."""

import dataclasses
import struct
import zipfile

import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.config import Config
from slam.errors import BadFrameError, SlamError
from slam.geometry import se3_exp
from slam.sources.detect import open_source
from slam.sources.rvl import decode_rvl

from .app_files import (
    rtabmap_camera,
    write_azure,
    write_r3d,
    write_rtabmap,
)
from .containers import Recording, jpeg
from .rvl import rvl
from .test_containers import tiny


def opened(path):
    return open_source(str(path), Config())


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (48, 64)])
@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
def test_rvl_is_lossless(size, missing):
    random = np.random.default_rng(1)
    depth = random.integers(1, 65536, size).astype(np.uint16)
    depth[random.random(size) < missing] = 0
    np.testing.assert_array_equal(decode_rvl(rvl(depth)), depth)


def test_rvl_that_is_damaged_is_a_bad_frame():
    data = rvl(np.full((48, 64), 1000, np.uint16))
    for cut in (0, 4, 8, 12, len(data) // 2):
        with pytest.raises(BadFrameError, match="RVL"):
            decode_rvl(data[:cut])
    with pytest.raises(BadFrameError, match="RVL"):
        decode_rvl(struct.pack("<II", 10, 10) + data[8:])
    with pytest.raises(BadFrameError, match="claims"):
        decode_rvl(struct.pack("<II", 1 << 31, 1 << 31) + data[8:])


@pytest.mark.parametrize("depth", ["png", "rvl", "float"])
@pytest.mark.parametrize("version", [(0, 17, 0), (0, 23, 0)])
def test_rtabmap_depth_kinds_and_versions(tmp_path, depth, version):
    recording = tiny(2)
    source = opened(write_rtabmap(recording, tmp_path / "a.db", depth, version))
    np.testing.assert_allclose(source.camera.intrinsics, recording.camera.intrinsics, rtol=1e-6)
    is_known = recording.depth[1] < 65535
    found = source.read(1).depth_m
    np.testing.assert_allclose(found[is_known], recording.depth[1][is_known] / 1000, rtol=1e-6)
    assert not found[~is_known].any()


@pytest.mark.parametrize("poses", ["odometry", "truth", "optimised"])
def test_rtabmap_poses_are_of_the_camera(tmp_path, poses):
    recording = tiny(3)
    truth = opened(write_rtabmap(recording, tmp_path / "a.db", poses=poses)).ground_truth()
    np.testing.assert_allclose(truth.Ts_world_camera, recording.Ts_world_camera, atol=1e-6)


def test_rtabmap_depth_with_fewer_pixels_than_colour(tmp_path):
    recording = tiny(2)
    large = recording.camera.resized(128, 96)
    recording = dataclasses.replace(
        recording, camera=large, jpegs=[jpeg(np.full((96, 128, 3), 90, np.uint8))] * 2
    )
    source = opened(write_rtabmap(recording, tmp_path / "a.db"))
    assert (source.camera.width, source.camera.height) == (64, 48)
    np.testing.assert_allclose(source.camera.fx, large.fx / 2)
    frame = source.read(0)
    assert np.abs(frame.color.astype(int) - 90).max() < 3
    assert not frame.no_color


def test_rtabmap_with_two_cameras_gives_the_left_one(tmp_path, caplog):
    recording = tiny(2)
    source = opened(write_rtabmap(recording, tmp_path / "a.db", num_cameras=2))
    assert "of 2 cameras" in caplog.text
    frame = source.read(1)
    assert frame.depth_m.shape == (48, 64)
    np.testing.assert_array_equal(frame.color, recording.color(1))


def test_rtabmap_stereo_is_refused(tmp_path):
    recording = tiny(1)
    path = write_rtabmap(recording, tmp_path / "a.db")
    import sqlite3

    with sqlite3.connect(path) as database:
        stereo = rtabmap_camera(recording.camera, (0, 23, 0), kind=1)
        database.execute("UPDATE Data SET calibration = ?", (stereo,))
    with pytest.raises(SlamError, match="stereo pair"):
        opened(path)


def test_r3d_unpacked_is_the_same(tmp_path):
    recording = tiny(2)
    path = write_r3d(recording, tmp_path / "a.r3d", low=7)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    frames = [opened(place).read(1) for place in (path, tmp_path / "unpacked")]
    np.testing.assert_array_equal(frames[0].depth_m, frames[1].depth_m)
    assert not frames[0].depth_m[7].any()
    assert frames[0].depth_m[8].any()
    np.testing.assert_array_equal(frames[0].color, recording.color(1))


def test_r3d_with_larger_colour(tmp_path):
    """As phones record it: 1920x1440 with depth of 256x192, and here the matrix of half of it."""
    recording = tiny(1)
    large = jpeg(np.full((192, 256, 3), 90, np.uint8))
    recording = dataclasses.replace(
        recording, jpegs=[large], color_camera=recording.camera.resized(128, 96)
    )
    source = opened(write_r3d(recording, tmp_path / "a.r3d"))
    np.testing.assert_allclose(source.camera.intrinsics, recording.camera.intrinsics, rtol=1e-6)
    assert np.abs(source.read(0).color.astype(int) - 90).max() < 3


def test_r3d_damaged_frames_are_told(tmp_path):
    recording = tiny(3)
    path = write_r3d(recording, tmp_path / "a.r3d")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    frames = tmp_path / "unpacked/rgbd"
    data = (frames / "0.depth").read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"nothing"):
        (frames / "0.depth").write_bytes(damaged)
        source = opened(tmp_path / "unpacked")
        with pytest.raises(BadFrameError, match="0"):
            source.read(0)
    (frames / "1.jpg").unlink()
    assert opened(tmp_path / "unpacked").read(1).color is None


AZURE_DEPTH = Camera(320, 288, 252.0, 252.0, 162.0, 146.0)
AZURE_COLOR = Camera(1280, 720, 610.0, 610.0, 640.0, 364.0)


def azure(num_frames: int = 3) -> Recording:
    """A wall two metres away, with a gradient, seen by both cameras."""
    T_color_depth = se3_exp(np.array([-0.032, -0.002, 0.004, 0.1, 0.0, 0.0]))
    depth = [np.full((288, 320), 2000 + 10 * i, np.uint16) for i in range(num_frames)]
    color = np.empty((720, 1280, 3), np.uint8)
    color[..., 0] = np.linspace(0, 255, 1280)
    color[..., 1] = np.linspace(0, 255, 720)[:, None]
    color[..., 2] = 60
    stamps_ns = [33_333_000 * i for i in range(num_frames)]
    Ts = np.stack([np.eye(4)] * num_frames)
    return Recording(
        AZURE_DEPTH, stamps_ns, depth, [jpeg(color)] * num_frames, Ts, AZURE_COLOR, T_color_depth,
        color_lag_ns=-4_000_000,
    )  # fmt: skip


@pytest.mark.parametrize("fourcc", ["MJPG", "NV12", "YUY2", "BGRA"])
def test_azure_kinect_colour_is_where_its_camera_sees_the_point(tmp_path, fourcc):
    recording = azure()
    source = opened(write_azure(recording, tmp_path / "a.mkv", fourcc))
    np.testing.assert_allclose(source.camera.intrinsics, AZURE_DEPTH.intrinsics, atol=1e-3)
    np.testing.assert_allclose(np.diff(source.timestamps_s), 0.033333, atol=1e-9)
    frame = source.read(1)
    np.testing.assert_allclose(frame.depth_m, 2.01, rtol=1e-6)
    for u, v in ((60, 50), (160, 144), (250, 230)):
        p_depth = np.array([(u - 162.0) / 252.0 * 2.01, (v - 146.0) / 252.0 * 2.01, 2.01, 1.0])
        x, y, z, _ = recording.T_color_depth @ p_depth
        seen = np.array([610 * x / z + 640, 610 * y / z + 364])
        wanted = [255 * seen[0] / 1279, 255 * seen[1] / 719, 60]
        assert np.abs(frame.color[v, u] - wanted).max() < 4  # as 4:2:0 and JPEG allow


def test_azure_kinect_lens(tmp_path):
    """OpenCV's order of the coefficients is another than the maker's."""
    lens = (0.5, -0.2, 0.001, -0.002, 0.03, 0.6, -0.1, 0.01)
    source = opened(write_azure(azure(1), tmp_path / "a.mkv", lens=lens))
    assert source.is_undistorted
    depth_lens = source._contents.rig._lenses[0]
    np.testing.assert_allclose(depth_lens.coefficients, lens)


def test_azure_kinect_file_is_a_video_for_others(tmp_path):
    """What the test writes is Matroska: OpenCV's own reader finds the colour track."""
    path = write_azure(azure(3), tmp_path / "a.mkv")
    video = cv2.VideoCapture(str(path))
    ok, image = video.read()
    assert ok
    assert image.shape == (720, 1280, 3)


def test_azure_kinect_cut_off(tmp_path, caplog):
    path = write_azure(azure(3), tmp_path / "a.mkv")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 1000])
    source = opened(path)
    assert len(source.timestamps_s) == 2
    assert "cut off: 2" in caplog.text
    for num_bytes, message in ((200, "no track DEPTH"), (3000, "no whole depth image")):
        path.write_bytes(data[:num_bytes])
        with pytest.raises(SlamError, match=message):
            opened(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth_name": "Video"}, "no track DEPTH"),
        ({"attached": "other.json"}, "is not attached"),
        ({"fourcc": "H264"}, "stores colour as 'H264'"),
    ],
)
def test_other_matroska_files_are_refused(tmp_path, options, message):
    recording = azure(1)
    fourcc = options.pop("fourcc", "MJPG")
    path = write_azure(recording, tmp_path / "a.mkv", **options)
    path.write_bytes(path.read_bytes().replace(b"MJPG", fourcc.encode(), 1))
    with pytest.raises(SlamError, match=message) as error:
        opened(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.db", b"", "no database of RTAB-Map"),
        ("a.db", b"nothing of the sort" * 100, "no database of RTAB-Map"),
        ("a.r3d", b"", "not as Record3D writes it"),
        ("a.r3d", b"nothing", "not as Record3D writes it"),
        ("a.mkv", b"", "no Matroska file"),
        ("a.mkv", b"\x1a\x45\xdf\xa3", "no Matroska file"),
        ("a.mkv", b"nothing" * 100, "no Matroska file"),
    ],
)
def test_what_is_no_such_file_is_one_line(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SlamError, match=message) as error:
        opened(path)
    assert "\n" not in str(error.value)


def test_other_archives_named_r3d(tmp_path):
    path = tmp_path / "a.r3d"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "x")
    with pytest.raises(SlamError, match="not as Record3D writes it"):
        opened(path)


@pytest.mark.parametrize("share", np.linspace(0.0, 0.99, 12))
@pytest.mark.parametrize(("write", "name"), [(write_rtabmap, "a.db"), (write_r3d, "a.r3d")])
def test_half_a_file_is_read_or_refused_in_one_line(tmp_path, write, name, share):
    """At any length; of SQLite's the nodes that are whole may be given."""
    path = write(tiny(3), tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    said = ""
    try:
        source = opened(path)
        for index in range(len(source.timestamps_s)):
            source.read(index)
    except SlamError as error:
        said = str(error)
    assert "\n" not in said
    assert said or name == "a.db"
