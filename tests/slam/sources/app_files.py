"""Writers of the files of RTAB-Map, Record3D and Azure Kinect, by the layouts of their makers."""

import io
import json
import sqlite3
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from slam.camera import Camera
from slam.geometry import quaternion_xyzw_from_rotation

from .containers import MILLIMETRES, Recording, intrinsics
from .rvl import rvl

T_BASE_CAMERA = np.array([[0, 0, 1, 0.1], [-1, 0, 0, 0.02], [0, -1, 0, 0.4], [0, 0, 0, 1]])
ARKIT_AXES = np.diag([1.0, -1.0, -1.0, 1.0])


def rtabmap_depth(depth: np.ndarray, kind: str) -> bytes:
    if kind == "png":
        return cv2.imencode(".png", depth)[1].tobytes()
    if kind == "rvl":
        return b"DEPTHRVL" + rvl(depth)
    metres = depth.astype(np.float32) / np.float32(MILLIMETRES)
    metres[depth == 65535] = np.nan
    return cv2.imencode(".png", metres.view(np.uint8).reshape(*depth.shape, 4))[1].tobytes()


def rtabmap_camera(camera: Camera, version: tuple[int, int, int], kind: int = 0) -> bytes:
    """Write what CameraModel::serialize writes, or the floats of before 0.18."""
    local = T_BASE_CAMERA[:3].astype("<f4")
    if version < (0, 18, 0):
        values = (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
        return struct.pack("<6f", *values) + local.tobytes()
    header = (*version, kind, camera.width, camera.height, 9, 5, 9, 12, 12)
    K = intrinsics(camera)
    raw = K[:3, :3] * np.array([[1.02], [1.02], [1.0]])  # as it was before the rectification
    distortion = np.array([0.1, -0.05, 0.0, 0.0, 0.0])
    matrices = [raw.ravel(), distortion, np.eye(3).ravel(), K[:3].ravel()]
    return struct.pack("<11i", *header) + np.concatenate(matrices).tobytes() + local.tobytes()


def packed_matrix(values: np.ndarray, cv_type: int) -> bytes:
    return zlib.compress(values.tobytes()) + struct.pack("<3i", 1, values.size, cv_type)


def write_rtabmap(
    recording: Recording,
    path: Path,
    depth: str = "png",
    version: tuple[int, int, int] = (0, 23, 0),
    poses: str = "odometry",  # and truth, or optimised
    num_cameras: int = 1,
) -> Path:
    """Write the tables of DatabaseSchema.sql that hold images, and one node without any."""
    database = sqlite3.connect(path)
    database.executescript(
        """CREATE TABLE Node (id INTEGER NOT NULL, map_id INTEGER NOT NULL, weight INTEGER,
            stamp FLOAT, pose BLOB, ground_truth_pose BLOB, velocity BLOB, label TEXT, gps BLOB,
            env_sensors BLOB, time_enter DATE, PRIMARY KEY (id));
        CREATE TABLE Data (id INTEGER NOT NULL, image BLOB, depth BLOB, depth_confidence BLOB,
            calibration BLOB, scan BLOB, scan_info BLOB, user_data BLOB, time_enter DATE,
            PRIMARY KEY (id));
        CREATE TABLE Admin (version TEXT, preview_image BLOB, opt_ids BLOB, opt_poses BLOB);"""
    )
    calibration = rtabmap_camera(recording.camera, version) * num_cameras
    Ts_world_base = recording.Ts_world_camera @ np.linalg.inv(T_BASE_CAMERA)
    drifted = Ts_world_base.copy()
    if poses != "odometry":
        drifted[:, 0, 3] += 0.01 * np.arange(len(drifted))
    stamp_s = [1e-9 * ns for ns in recording.stamps_ns]
    for i in reversed(range(len(stamp_s))):  # in no order
        image, stored = recording.color(i)[..., ::-1], recording.depth[i]
        data = recording.jpegs[i]
        if num_cameras > 1:
            data = cv2.imencode(".png", np.hstack([image] + [image * 0] * (num_cameras - 1)))[1]
            stored = np.hstack([stored] * num_cameras)
        pose = drifted[i, :3].astype("<f4").tobytes()
        truth = Ts_world_base[i, :3].astype("<f4").tobytes() if poses == "truth" else None
        node = (i + 5, 0, stamp_s[i], pose, truth)
        database.execute(
            "INSERT INTO Node(id, map_id, stamp, pose, ground_truth_pose) VALUES (?, ?, ?, ?, ?)",
            node,
        )
        row = (i + 5, bytes(data), rtabmap_depth(stored, depth), calibration)
        database.execute("INSERT INTO Data(id, image, depth, calibration) VALUES (?, ?, ?, ?)", row)
    database.execute("INSERT INTO Node(id, map_id, stamp) VALUES (99, 0, ?)", (stamp_s[0],))
    database.execute("INSERT INTO Data(id) VALUES (99)")
    ids = packed_matrix(np.arange(5, 5 + len(stamp_s), dtype="<i4"), 4)
    optimised = packed_matrix(Ts_world_base[:, :3].astype("<f4"), 5)
    admin = (ids, optimised) if poses == "optimised" else (None, None)
    database.execute(
        "INSERT INTO Admin(version, opt_ids, opt_poses) VALUES ('0.23.0', ?, ?)", admin
    )
    database.commit()
    database.close()
    return path


def write_r3d(recording: Recording, path: Path, low: int | None = None) -> Path:
    """Write a zip archive; `low` is a row of depth in which it has no confidence."""
    import lzfse

    camera, depth_camera = recording.seen_by, recording.camera
    values: dict[str, Any] = {"w": camera.width, "h": camera.height, "fps": 60}
    values |= {"dw": depth_camera.width, "dh": depth_camera.height}
    values["K"] = intrinsics(camera)[:3, :3].T.ravel().tolist()
    values["frameTimestamps"] = [1e-9 * (ns - recording.stamps_ns[0]) for ns in recording.stamps_ns]
    poses = recording.Ts_world_camera @ ARKIT_AXES
    values["poses"] = [
        [*quaternion_xyzw_from_rotation(T[:3, :3]).tolist(), *T[:3, 3].tolist()] for T in poses
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata", json.dumps(values))
        archive.writestr("icon", b"")
        for i, data in enumerate(recording.jpegs):
            metres = recording.depth[i].astype(np.float32) / np.float32(MILLIMETRES)
            metres[recording.depth[i] == 65535] = np.nan
            confidence = np.full(metres.shape, 2, np.uint8)
            if low is not None:
                confidence[low] = 0
            archive.writestr(f"rgbd/{i}.depth", lzfse.compress(metres.tobytes()))
            archive.writestr(f"rgbd/{i}.conf", lzfse.compress(confidence.tobytes()))
            archive.writestr(f"rgbd/{i}.jpg", data)
    return path


def element(identity: int, *content: bytes) -> bytes:
    """Return an element of EBML: its identity, its size in eight bytes, its content."""
    data = b"".join(content)
    size = (len(data) | 1 << 56).to_bytes(8)
    return identity.to_bytes((identity.bit_length() + 7) // 8) + size + data


def number(identity: int, value: int) -> bytes:
    return element(identity, value.to_bytes(max((value.bit_length() + 7) // 8, 1)))


def _track(index: int, name: str, fourcc: str, size: tuple[int, int], bits: int) -> bytes:
    setup = struct.pack("<IiiHH4sIiiII", 40, *size, 1, bits, fourcc.encode(), 0, 0, 0, 0, 0)
    return element(
        0xAE,
        number(0xD7, index), number(0x73C5, 1000 + index), number(0x83, 1), number(0x9C, 0),
        element(0x536E, name.encode()), element(0x86, b"V_MS/VFW/FOURCC"), element(0x63A2, setup),
        element(0xE0, number(0xB0, size[0]), number(0xBA, size[1])),
    )  # fmt: skip


def _calibrated(camera: Camera, lens: tuple[float, ...], view: tuple[int, ...], **more: Any) -> Any:
    """Return a camera as the factory describes it: of the image of width and height 1."""
    width, height, left, top = view
    k1, k2, p1, p2, k3, k4, k5, k6 = lens
    center = (camera.cx + 0.5 + left) / width, (camera.cy + 0.5 + top) / height
    focal = camera.fx / width, camera.fy / height
    parameters = [*center, *focal, k1, k2, k3, k4, k5, k6, 0.0, 0.0, p2, p1]
    model = "CALIBRATION_LensDistortionModelBrownConrady"
    return more | {
        "Intrinsics": {
            "ModelParameterCount": 14, "ModelParameters": parameters, "ModelType": model,
        },
        "MetricRadius": 1.7, "SensorWidth": width, "SensorHeight": height,
    }  # fmt: skip


def azure_calibration(recording: Recording, lens: tuple[float, ...] = (0.0,) * 8) -> dict[str, Any]:
    """Describe a narrow binned depth camera and colour of 720 rows."""
    still = {"Rotation": np.eye(3).ravel().tolist(), "Translation": [0.0, 0.0, 0.0]}
    T = recording.T_color_depth
    moved = {"Rotation": T[:3, :3].ravel().tolist(), "Translation": T[:3, 3].tolist()}
    depth = _calibrated(
        recording.camera,
        lens,
        (512, 512, 96, 90),
        Rt=still,
        Location="CALIBRATION_CameraLocationD0",
    )
    color = _calibrated(
        recording.seen_by, (0.0,) * 8, (1280, 960, 0, 120),
        Rt=moved, Location="CALIBRATION_CameraLocationPV0",
    )  # fmt: skip
    return {"CalibrationInformation": {"Cameras": [color, depth]}}


def write_azure(
    recording: Recording,
    path: Path,
    fourcc: str = "MJPG",
    lens: tuple[float, ...] = (0.0,) * 8,
    depth_name: str = "DEPTH",
    attached: str = "calibration.json",
) -> Path:
    """Write what k4arecord writes: clusters of microseconds, a track of infrared, inertial samples
    laced into blocks, and an end that says where things are, here left out.
    """
    seen_by, camera = recording.seen_by, recording.camera
    sizes = (seen_by.width, seen_by.height), (camera.width, camera.height)
    calibration = json.dumps(azure_calibration(recording, lens)).encode()
    out = io.BytesIO()
    out.write(element(0x1A45DFA3, element(0x4282, b"matroska"), number(0x4287, 2)))
    out.write(bytes.fromhex("18538067 01ffffffffffffff"))  # a segment of unknown size
    out.write(element(0xEC, bytes(50)))
    out.write(element(0x1549A966, number(0x2AD7B1, 1000), element(0x7BA9, b"Azure Kinect")))
    tracks = [
        _track(1, "COLOR", fourcc, sizes[0], 24), _track(2, depth_name, "b16g", sizes[1], 16),
        _track(3, "IR", "b16g", sizes[1], 16),
        element(0xAE, number(0xD7, 4), number(0x83, 17), element(0x536E, b"IMU")),
    ]  # fmt: skip
    out.write(element(0x1654AE6B, *tracks))
    mime = element(0x4660, b"application/octet-stream")
    name, identity = element(0x466E, attached.encode()), number(0x46AE, 77)
    file = element(0x61A7, name, mime, identity, element(0x465C, calibration))
    out.write(element(0x1941A469, file))
    for i, stamp_ns in enumerate(recording.stamps_ns):
        ticks = (stamp_ns - recording.stamps_ns[0]) // 1000 + 500

        def block(track: int, data: bytes, lag: int = 0, flags: int = 0x80) -> bytes:
            return bytes([0x80 | track]) + struct.pack(">hB", 100 + lag, flags) + data

        depth = recording.depth[i].astype(">u2").tobytes()
        lag = recording.color_lag_ns // 1000
        samples = element(0xA0, element(0xA1, block(4, bytes(60), 0, 0x04)))
        out.write(
            element(
                0x1F43B675, number(0xE7, ticks - 100),
                element(0xA3, block(1, azure_color(recording, i, fourcc), lag)), samples,
                element(0xA3, block(3, bytes(len(depth)))), element(0xA3, block(2, depth)),
            )
        )  # fmt: skip
    path.write_bytes(out.getvalue())
    return path


def azure_color(recording: Recording, index: int, fourcc: str) -> bytes:
    rgb = recording.color(index)
    if fourcc == "MJPG":
        return recording.jpegs[index]
    if fourcc == "BGRA":
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA).tobytes()
    if fourcc == "YUY2":
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YUY2).tobytes()
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    h = len(rgb)
    u, v = planes[h:].reshape(2, -1)
    return planes[:h].tobytes() + np.stack([u, v], axis=1).tobytes()
