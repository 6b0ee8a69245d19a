"""ROS bags: encodings, cameras, transforms, topics, and Intel's recordings without Intel's SDK."""

import dataclasses
import importlib.util
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.config import Config, RosConfig
from slam.errors import SlamError
from slam.geometry import inverse, se3_exp
from slam.sources.base import Source
from slam.sources.detect import is_stream, open_source
from slam.sources.ros.cameras import info_topic

from ..containers import Message, Messages, Recording, ros_messages, write_ros1, write_ros2
from ..test_containers import tiny


def ros1(recording: Recording, path: Path, **kinds: str) -> Path:
    make = Messages(is_ros2=False)
    return write_ros1(ros_messages(recording, make, **kinds), make, path)


def opened(path: Path, config: RosConfig | None = None) -> Source:
    return open_source(str(path), Config(ros=config or RosConfig()))


@pytest.mark.parametrize("depth_as", ["raw", "float", "compressedDepth", "rvl"])
@pytest.mark.parametrize("color_as", ["compressed", "rgb8", "bgr8"])
def test_encodings(tmp_path, depth_as, color_as):
    recording = tiny(3)
    source = opened(ros1(recording, tmp_path / "a.bag", depth_as=depth_as, color_as=color_as))
    for index in range(3):
        frame = source.read(index)
        is_known = recording.depth[index] < 65535
        wanted = recording.depth[index][is_known] / 1000
        np.testing.assert_allclose(frame.depth_m[is_known], wanted, rtol=1e-6)
        np.testing.assert_array_equal(frame.color, recording.color(index))


def test_compressed_depth_of_floats(tmp_path):
    """Inverse depth in 16 bits: z = a / (value - b), as compressed_depth_image_transport packs."""
    recording, make = tiny(2), Messages(is_ros2=True)
    a, b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0  # z_max 10 m
    z = np.linspace(0.5, 8.0, 48 * 64).reshape(48, 64)
    z[:4] = 0.0

    def messages() -> Iterator[Message]:
        for topic, msgtype, received_ns, message in ros_messages(
            recording, make, depth_as="compressedDepth"
        ):
            if topic.endswith("compressedDepth"):
                value = np.where(z > 0, np.rint(a / np.maximum(z, 1e-3) + b), 0).astype(np.uint16)
                data = struct.pack("<iff", 0, a, b) + cv2.imencode(".png", value)[1].tobytes()
                message = make.compressed(
                    received_ns, message.header.frame_id, data, "32FC1; compressedDepth"
                )
            yield topic, msgtype, received_ns, message

    source = opened(write_ros2(messages(), make, tmp_path / "a", "mcap"))
    depth_m = source.read(1).depth_m
    assert (depth_m[:4] == 0).all()
    # half a unit of the quotient: dz = z^2 / (2 a)
    assert (np.abs(depth_m - z) <= z**2 / (2 * a) + 1e-4).all()


def test_the_folder_of_a_ros2_bag_is_opened(tmp_path):
    make = Messages(is_ros2=True)
    write_ros2(ros_messages(tiny(2), make), make, tmp_path / "bag", "sqlite3")
    assert len(opened(tmp_path / "bag").timestamps_s) == 2


def test_colour_is_paired_by_stamp_not_by_arrival(tmp_path):
    """Colour that is 14 ms late is depth's own; 30 ms late, it is the next one's."""
    near = dataclasses.replace(tiny(4), color_lag_ns=14_000_000)
    source = opened(ros1(near, tmp_path / "near.bag"))
    np.testing.assert_array_equal(source.read(1).color, near.color(1))
    late = dataclasses.replace(near, color_lag_ns=30_000_000)
    source = opened(ros1(late, tmp_path / "late.bag"))
    assert source.read(0).color is None
    np.testing.assert_array_equal(source.read(1).color, late.color(0))


def test_cameras_at_places_of_their_own(tmp_path):
    """CameraInfo with distortion, and /tf_static: registered as with the same numbers by hand."""
    T_color_depth = se3_exp(np.array([0.03, -0.01, 0.005, 0.01, -0.02, 0.01]))
    color_camera = Camera(64, 48, 50.0, 51.0, 30.5, 24.5)
    distortion = (0.1, -0.05, 0.002, -0.001, 0.01)
    recording = dataclasses.replace(
        tiny(2),
        color_camera=color_camera,
        T_color_depth=T_color_depth,
        color_distortion=distortion,
        depth=[np.full((48, 64), 1500, np.uint16)] * 2,
    )
    source = opened(ros1(recording, tmp_path / "a.bag"))
    frame = source.read(0)
    v, u = np.mgrid[:48, :64]
    c = recording.camera
    p = np.stack([(u - c.cx) / c.fx * 1.5, (v - c.cy) / c.fy * 1.5, np.full(u.shape, 1.5)], -1)
    p = p @ T_color_depth[:3, :3].T + T_color_depth[:3, 3]
    K = np.array([[50.0, 0, 30.5], [0, 51.0, 24.5], [0, 0, 1]])
    pixels, _ = cv2.projectPoints(
        p.reshape(-1, 3), np.zeros(3), np.zeros(3), K, np.array(distortion)
    )
    x, y = pixels[:, 0].T.reshape(2, 48, 64).astype(np.float32)
    wanted = cv2.remap(recording.color(0), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(frame.color.astype(int) - wanted)[2:-2, 2:-2].max() <= 4
    is_seen = (x > -0.5) & (x < 63.5) & (y > -0.5) & (y < 47.5)
    mask = np.ones((48, 64), bool) if frame.color_mask is None else frame.color_mask
    assert (mask != is_seen).mean() < 0.01
    assert source.is_undistorted


def test_several_topics_fit(tmp_path, caplog):
    """The best is taken and the others named; an option chooses; a wrong one names the choices."""
    recording, make = tiny(2), Messages(is_ros2=False)

    def messages() -> Iterator[Message]:
        for topic, msgtype, received_ns, message in ros_messages(recording, make):
            yield topic, msgtype, received_ns, message
            if topic == "/camera/depth/image_rect_raw":
                other = make.image(received_ns, "ir", recording.depth[0], "mono16")
                yield "/camera/infra1/image_raw", msgtype, received_ns, other

    path = write_ros1(messages(), make, tmp_path / "a.bag")
    source = opened(path)
    wanted = np.where(recording.depth[1] < 65535, recording.depth[1], 0) / 1000
    np.testing.assert_allclose(source.read(1).depth_m, wanted, rtol=1e-6)
    line = next(r.getMessage() for r in caplog.records if "is used, not" in r.getMessage())
    assert "/camera/depth/image_rect_raw is used, not /camera/infra1/image_raw" in line
    assert "--ros.depth-topic" in line
    caplog.clear()
    opened(path, RosConfig(depth_topic="/camera/depth/image_rect_raw"))
    assert "is used, not" not in caplog.text
    with pytest.raises(SlamError, match=r"no such topic as /x; ros\.depth_topic can be /camera"):
        opened(path, RosConfig(depth_topic="/x"))


def test_a_bag_without_depth_or_camera_says_so(tmp_path):
    recording, make = tiny(2), Messages(is_ros2=False)
    messages = list(ros_messages(recording, make))
    without = (m for m in messages if "depth" not in m[0])
    path = write_ros1(without, make, tmp_path / "a.bag")
    with pytest.raises(SlamError, match="has no depth images, only /camera/color/image_raw"):
        opened(path)
    without = (m for m in messages if not m[0].endswith("camera_info"))
    path = write_ros1(without, make, tmp_path / "b.bag")
    with pytest.raises(SlamError, match=r"no CameraInfo for /camera/depth.*: add b\.yaml"):
        opened(path)
    (tmp_path / "b.yaml").write_text(
        "width: 64\nheight: 48\nfx: 58.5\nfy: 58.5\ncx: 31.5\ncy: 23.5\n"
    )
    assert opened(path).camera == recording.camera


def realsense_messages(recording: Recording, make: Messages, unit_m: float) -> Iterator[Message]:
    """Yield what the SDK's recorder writes."""
    depth, color = "/device_0/sensor_0/Depth_0", "/device_0/sensor_1/Color_0"
    for camera, stream in ((recording.camera, depth), (recording.seen_by, color)):
        info = make.info(1, "", camera, (0.05, -0.02, 0.001, 0.001, 0.01))
        info.distortion_model = "Inverse Brown Conrady"
        if stream == depth:
            info.D = np.zeros(5)
        yield f"{stream}/info/camera_info", "sensor_msgs/msg/CameraInfo", 1, info
    unit = make.make("std_msgs/Float32", data=unit_m)
    yield "/device_0/sensor_0/option/Depth_Units/value", "std_msgs/msg/Float32", 1, unit
    # the reference is depth: its own transform is the identity
    for T, stream in ((np.eye(4), depth), (recording.T_color_depth, color)):
        yield f"{stream}/tf/0", "geometry_msgs/msg/Transform", 1, make.transform(T)
    for index, stamp_ns in enumerate(recording.stamps_ns):
        received_ns = 1_000_000 * index + 1  # since the recording began
        image = make.image(stamp_ns, "", recording.depth[index], "mono16")
        yield f"{depth}/image/data", "sensor_msgs/msg/Image", received_ns, image
        image = make.image(stamp_ns, "", recording.color(index), "rgb8")
        yield f"{color}/image/data", "sensor_msgs/msg/Image", received_ns, image


def test_a_realsense_bag_without_the_sdk(tmp_path, monkeypatch):
    T_color_depth = se3_exp(np.array([0.015, 0.0, 0.0, 0.0, 0.01, 0.0]))
    recording = dataclasses.replace(
        tiny(3), color_camera=Camera(64, 48, 60.0, 60.0, 31.5, 23.5), T_color_depth=T_color_depth
    )
    make = Messages(is_ros2=False)
    path = write_ros1(realsense_messages(recording, make, 0.0001), make, tmp_path / "a.bag")
    assert is_stream(str(path)) == (importlib.util.find_spec("pyrealsense2") is not None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not is_stream(str(path))
    source = opened(path)
    is_known = recording.depth[2] < 65535
    depth_m = source.read(2).depth_m
    np.testing.assert_allclose(depth_m[is_known], recording.depth[2][is_known] / 10000, rtol=1e-5)
    np.testing.assert_allclose(source.timestamps_s, np.array(recording.stamps_ns) * 1e-9)
    T = source._contents.rig._color._camera.T_color_depth
    np.testing.assert_allclose(T, T_color_depth[:3], atol=1e-6)
    assert not np.allclose(T, inverse(T_color_depth)[:3], atol=1e-3)


def test_a_ros_bag_is_no_stream_whatever_its_suffix(tmp_path):
    make = Messages(is_ros2=True)
    recording = tiny(2)
    assert not is_stream(str(ros1(recording, tmp_path / "a.bag")))
    path = write_ros2(ros_messages(recording, make), make, tmp_path / "b", "sqlite3")
    assert not is_stream(str(path))
    assert is_stream("missing.db3")


@pytest.mark.parametrize(
    ("image", "info"),
    [
        ("/camera/depth/image_raw", "/camera/depth/camera_info"),
        ("/camera/depth/image_raw/compressedDepth", "/camera/depth/camera_info"),
        ("/a/color/image_rect/compressed", "/a/color/camera_info"),
        (
            "/device_0/sensor_0/Depth_0/image/data",
            "/device_0/sensor_0/Depth_0/info/camera_info",
        ),
    ],
)
def test_where_a_camera_info_is(image, info):
    assert info_topic(image) == info
