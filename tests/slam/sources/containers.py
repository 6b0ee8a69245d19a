"""One recording in memory, and writers of every container that it can come in."""

import dataclasses
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from slam.camera import Camera
from slam.geometry import Transform, quaternion_xyzw_from_rotation
from slam.sources.base import Source

from .rvl import rvl

MILLIMETRES = 1000.0


@dataclass(frozen=True)
class Recording:
    """Depth in millimetres and colour as JPEG, at stamps in ns."""

    camera: Camera
    stamps_ns: list[int]
    depth: list[np.ndarray]
    jpegs: list[bytes]  # of RGB, as everybody but ElasticFusion's logger writes it
    Ts_world_camera: np.ndarray
    color_camera: Camera | None = None  # None = the depth camera
    T_color_depth: Transform = field(default_factory=lambda: np.eye(4))
    color_distortion: tuple[float, ...] = (0.0,) * 5
    color_lag_ns: int = 0

    @property
    def seen_by(self) -> Camera:
        """The colour camera."""
        return self.color_camera or self.camera

    def color(self, index: int) -> np.ndarray:
        """Return RGB, as it is decoded."""
        image = cv2.imdecode(np.frombuffer(self.jpegs[index], np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(image[..., ::-1])


def recording_of(source: Source, num_frames: int, start_ns: int = 1_700_000_000_000_000_000):
    """Record the first frames of a source, with microsecond stamps, which every format holds."""
    frames = [source.read(index) for index in range(num_frames)]
    truth = source.ground_truth()
    assert truth is not None
    return Recording(
        source.camera,
        [start_ns + 1000 * round(1e6 * frame.timestamp_s) for frame in frames],
        [np.rint(1000 * frame.depth_m).astype(np.uint16) for frame in frames],
        [jpeg(frame.color) for frame in frames],
        truth.Ts_world_camera[:num_frames],
    )


def jpeg(rgb: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, 95]
    return cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), options)[1].tobytes()


def write_tum(recording: Recording, folder: Path) -> Path:
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
        rows = []
        for index, stamp_ns in enumerate(recording.stamps_ns):
            stamp = f"{stamp_ns // 10**9}.{stamp_ns % 10**9 // 1000:06d}"
            path = f"{name}/{stamp}.{'jpg' if name == 'rgb' else 'png'}"
            if name == "rgb":
                (folder / path).write_bytes(recording.jpegs[index])
            else:
                cv2.imwrite(str(folder / path), recording.depth[index])
            rows.append(f"{stamp} {path}\n")
        (folder / f"{name}.txt").write_text("".join(rows))
    (folder / "camera.yaml").write_text(camera_yaml(recording.camera))
    return folder


def write_record3d(recording: Recording, folder: Path) -> Path:
    """Write Record3D's export; its depth is metres as floats, its matrix goes column by column, and
    its times begin with the recording.
    """
    for name in ("depth", "rgb"):
        (folder / "EXR_RGBD" / name).mkdir(parents=True)
    for index, jpeg_data in enumerate(recording.jpegs):
        metres = recording.depth[index].astype(np.float32) / np.float32(MILLIMETRES)
        metres[recording.depth[index] == 65535] = np.nan
        write_exr(folder / f"EXR_RGBD/depth/{index}.exr", metres)
        (folder / f"EXR_RGBD/rgb/{index}.jpg").write_bytes(jpeg_data)
    camera = recording.seen_by
    values: dict[str, Any] = {"w": camera.width, "h": camera.height, "fps": 30}
    values["K"] = intrinsics(camera)[:3, :3].T.ravel().tolist()
    values["frameTimestamps"] = [1e-9 * (ns - recording.stamps_ns[0]) for ns in recording.stamps_ns]
    poses = recording.Ts_world_camera @ np.diag([1.0, -1.0, -1.0, 1.0])  # ARKit's axes
    values["poses"] = [
        [*quaternion_xyzw_from_rotation(T[:3, :3]).tolist(), *T[:3, 3].tolist()] for T in poses
    ]
    (folder / "metadata.json").write_text(json.dumps(values))
    return folder


def write_exr(path: Path, image: np.ndarray, channel: str = "R") -> None:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {channel: image}) as file:
        file.write(str(path))


def camera_yaml(camera: Camera) -> str:
    values = dataclasses.asdict(camera) | {"depth_scale": 1000}
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def write_sens(
    recording: Recording, path: Path, color: str = "jpeg", depth: str = "zlib", num_stated: int = 0
) -> Path:
    """Write version 4, as ScanNet and BundleFusion publish it."""
    depth_camera, seen_by = recording.camera, recording.seen_by
    h, w = depth_camera.height, depth_camera.width
    name = b"StructureSensor"
    parts = [struct.pack("<IQ", 4, len(name)), name]
    place = np.linalg.inv(recording.T_color_depth)  # of the colour camera, in depth's frame
    for matrix in (intrinsics(seen_by), place, intrinsics(depth_camera), np.eye(4)):
        parts.append(np.float32(matrix).tobytes())
    kinds = {"raw": 0, "png": 1, "jpeg": 2}[color], {"raw": 0, "zlib": 1, "occi": 2}[depth]
    num_frames = num_stated or len(recording.stamps_ns)
    sizes = seen_by.width, seen_by.height, w, h
    parts.append(struct.pack("<iiIIIIfQ", *kinds, *sizes, MILLIMETRES, num_frames))
    for index, stamp_ns in enumerate(recording.stamps_ns):
        image = {
            "raw": lambda i: recording.color(i).tobytes(),
            "png": lambda i: cv2.imencode(".png", recording.color(i)[..., ::-1])[1].tobytes(),
            "jpeg": lambda i: recording.jpegs[i],
        }[color](index)
        data = recording.depth[index].tobytes()
        data = zlib.compress(data) if depth == "zlib" else data
        parts.append(np.float32(recording.Ts_world_camera[index]).tobytes())
        ticks = stamp_ns // 1000
        parts.append(struct.pack("<QQQQ", ticks, ticks, len(image), len(data)))
        parts += [image, data]
    parts.append(struct.pack("<Q", 0))  # no samples of an inertial sensor
    path.write_bytes(b"".join(parts))
    return path


def intrinsics(camera: Camera) -> np.ndarray:
    K = np.eye(4)
    K[0, 0], K[1, 1], K[0, 2], K[1, 2] = camera.fx, camera.fy, camera.cx, camera.cy
    return K


def write_klg(
    recording: Recording,
    path: Path,
    is_jpeg: bool = False,
    is_packed: bool = True,
    with_camera: bool = True,
) -> Path:
    """Write what Logger2 writes; its JPEG is OpenCV's of a buffer that holds RGB."""
    parts = [struct.pack("<i", len(recording.stamps_ns))]
    for index, stamp_ns in enumerate(recording.stamps_ns):
        data, image = recording.depth[index].tobytes(), recording.color(index).tobytes()
        data = zlib.compress(data) if is_packed else data
        image = swapped(recording.jpegs[index]) if is_jpeg else image
        parts += [struct.pack("<qii", stamp_ns // 1000, len(data), len(image)), data, image]
    path.write_bytes(b"".join(parts))
    if with_camera:
        path.with_suffix(".yaml").write_text(camera_yaml(recording.camera))
    return path


def swapped(data: bytes) -> bytes:
    """Return a JPEG with red and blue exchanged; what is decoded is the same but for rounding."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()


class Messages:
    """Makes messages of ROS 1 or ROS 2."""

    def __init__(self, is_ros2: bool) -> None:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.is_ros2 = is_ros2
        self.store = get_typestore(Stores.ROS2_HUMBLE if is_ros2 else Stores.ROS1_NOETIC)
        if not is_ros2:
            definition = "geometry_msgs/TransformStamped[] transforms"
            self.store.register(get_types_from_msg(definition, "tf2_msgs/msg/TFMessage"))

    def make(self, name: str, **values: Any) -> Any:
        package, kind = name.split("/")
        return self.store.types[f"{package}/msg/{kind}"](**values)

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        time = self.store.types["builtin_interfaces/msg/Time"](
            sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
        )
        counter = {} if self.is_ros2 else {"seq": 0}
        return self.make("std_msgs/Header", stamp=time, frame_id=frame_id, **counter)

    def info(
        self, stamp_ns: int, frame_id: str, camera: Camera, distortion: tuple[float, ...]
    ) -> Any:
        K = intrinsics(camera)[:3, :3].ravel()
        matrices = {"k": K, "r": np.eye(3).ravel(), "p": intrinsics(camera)[:3].ravel()}
        matrices["d"] = np.array(distortion)
        if not self.is_ros2:
            matrices = {name.upper(): value for name, value in matrices.items()}
        model = {5: "plumb_bob", 8: "rational_polynomial", 4: "equidistant"}[len(distortion)]
        region = self.make(
            "sensor_msgs/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        return self.make(
            "sensor_msgs/CameraInfo",
            header=self.header(stamp_ns, frame_id), height=camera.height, width=camera.width,
            distortion_model=model, binning_x=0, binning_y=0, roi=region, **matrices,
        )  # fmt: skip

    def image(self, stamp_ns: int, frame_id: str, pixels: np.ndarray, encoding: str) -> Any:
        """Make an image whose rows are padded by some bytes."""
        rows = pixels.reshape(len(pixels), -1).view(np.uint8)
        padded = np.pad(rows, ((0, 0), (0, 6)))
        return self.make(
            "sensor_msgs/Image",
            header=self.header(stamp_ns, frame_id), height=pixels.shape[0], width=pixels.shape[1],
            encoding=encoding, is_bigendian=0, step=padded.shape[1], data=padded.ravel(),
        )  # fmt: skip

    def compressed(self, stamp_ns: int, frame_id: str, data: bytes, format_: str) -> Any:
        return self.make(
            "sensor_msgs/CompressedImage",
            header=self.header(stamp_ns, frame_id), format=format_,
            data=np.frombuffer(data, np.uint8),
        )  # fmt: skip

    def transform(self, T: Transform) -> Any:
        x, y, z, w = quaternion_xyzw_from_rotation(T[:3, :3])
        tx, ty, tz = T[:3, 3]
        return self.make(
            "geometry_msgs/Transform",
            translation=self.make("geometry_msgs/Vector3", x=tx, y=ty, z=tz),
            rotation=self.make("geometry_msgs/Quaternion", x=x, y=y, z=z, w=w),
        )

    def static(self, T_parent_child: Transform, parent: str, child: str) -> Any:
        stamped = self.make(
            "geometry_msgs/TransformStamped",
            header=self.header(0, parent), child_frame_id=child,
            transform=self.transform(T_parent_child),
        )  # fmt: skip
        return self.make("tf2_msgs/TFMessage", transforms=[stamped])


Message = tuple[str, str, int, Any]  # topic, type, when it was received, message


def ros_messages(
    recording: Recording, make: Messages, depth_as: str = "raw", color_as: str = "compressed"
) -> Iterator[Message]:
    """Yield what a driver publishes; colour is received before depth, whatever its stamp."""
    depth_frame, color_frame = "camera_depth_optical_frame", "camera_color_optical_frame"
    image, packed, info = (
        "sensor_msgs/msg/Image",
        "sensor_msgs/msg/CompressedImage",
        "sensor_msgs/msg/CameraInfo",
    )
    start_ns = recording.stamps_ns[0]
    T_link_depth = np.eye(4)
    T_link_depth[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    T_link_color = T_link_depth @ np.linalg.inv(recording.T_color_depth)
    for T, child in ((T_link_depth, depth_frame), (T_link_color, color_frame)):
        message = make.static(T, "camera_link", child)
        yield "/tf_static", "tf2_msgs/msg/TFMessage", start_ns, message
    for index, stamp_ns in enumerate(recording.stamps_ns):
        received_ns = stamp_ns + 5_000_000
        color_ns = stamp_ns + recording.color_lag_ns
        name, distortion = "/camera/color", recording.color_distortion
        message = make.info(color_ns, color_frame, recording.seen_by, distortion)
        yield f"{name}/camera_info", info, received_ns, message
        if color_as == "compressed":
            data = recording.jpegs[index]
            message = make.compressed(color_ns, color_frame, data, "rgb8; jpeg compressed bgr8")
            yield f"{name}/image_raw/compressed", packed, received_ns, message
        else:
            rgb = recording.color(index)
            pixels = rgb if color_as == "rgb8" else np.ascontiguousarray(rgb[..., ::-1])
            message = make.image(color_ns, color_frame, pixels, color_as)
            yield f"{name}/image_raw", image, received_ns, message
        name, depth = "/camera/depth", recording.depth[index]
        message = make.info(stamp_ns, depth_frame, recording.camera, (0.0,) * 5)
        yield f"{name}/camera_info", info, received_ns + 1, message
        if depth_as == "raw":
            message = make.image(stamp_ns, depth_frame, depth, "16UC1")
            yield f"{name}/image_rect_raw", image, received_ns + 1, message
        elif depth_as == "float":
            metres = depth.astype(np.float32) / np.float32(1000)
            metres[depth == 0] = np.nan
            message = make.image(stamp_ns, depth_frame, metres, "32FC1")
            yield f"{name}/image_rect_raw", image, received_ns + 1, message
        else:
            is_rvl = depth_as == "rvl"
            data = rvl(depth) if is_rvl else cv2.imencode(".png", depth)[1].tobytes()
            data = struct.pack("<iff", 0, 0.0, 0.0) + data
            format_ = f"16UC1; compressedDepth {'rvl' if is_rvl else 'png'}"
            message = make.compressed(stamp_ns, depth_frame, data, format_)
            topic = f"{name}/image_rect_raw/compressedDepth"
            yield topic, packed, received_ns + 1, message


def write_ros1(messages: Iterator[Message], make: Messages, path: Path) -> Path:
    from rosbags.rosbag1 import Writer

    with Writer(path) as writer:
        connections: dict[str, Any] = {}
        for topic, msgtype, received_ns, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, msgtype, typestore=make.store)
            data = make.store.serialize_ros1(message, msgtype)
            writer.write(connections[topic], received_ns, data)
    return path


def write_ros2(messages: Iterator[Message], make: Messages, folder: Path, storage: str) -> Path:
    """Write a folder; return the file of data in it."""
    from rosbags.rosbag2 import StoragePlugin, Writer

    with Writer(folder, version=9, storage_plugin=StoragePlugin[storage.upper()]) as writer:
        connections: dict[str, Any] = {}
        for topic, msgtype, received_ns, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, msgtype, typestore=make.store)
            data = make.store.serialize_cdr(message, msgtype)
            writer.write(connections[topic], received_ns, data)
    return next(folder.glob("*.mcap" if storage == "mcap" else "*.db3"))


def _ros1(recording: Recording, folder: Path) -> Path:
    make = Messages(is_ros2=False)
    return write_ros1(ros_messages(recording, make), make, folder / "one.bag")


def _ros2(recording: Recording, folder: Path, storage: str) -> Path:
    make = Messages(is_ros2=True)
    return write_ros2(ros_messages(recording, make), make, folder / storage, storage)


WRITERS: dict[str, Callable[[Recording, Path], Path]] = {
    "tum": lambda recording, folder: write_tum(recording, folder / "tum"),
    "sens": lambda recording, folder: write_sens(recording, folder / "one.sens"),
    "klg": lambda recording, folder: write_klg(recording, folder / "one.klg"),
    "ros1": _ros1,
    "ros2_sqlite3": lambda recording, folder: _ros2(recording, folder, "sqlite3"),
    "record3d": lambda recording, folder: write_record3d(recording, folder / "record3d"),
    "ros2_mcap": lambda recording, folder: _ros2(recording, folder, "mcap"),
}
