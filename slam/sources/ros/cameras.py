"""The cameras of a bag: what CameraInfo and transforms say."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

from slam.camera import Camera
from slam.errors import SlamError
from slam.geometry import Transform, inverse, transform_from_quaternion
from slam.sources.lens import MODELS, Lens, fisheye_lens, opencv_lens

logger = logging.getLogger(__name__)
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF_TYPES = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
TRANSPORTS = ("compressed", "compressedDepth", "theora", "ffmpeg", "zstd")


def info_topic(image_topic: str) -> str:
    """Return where the CameraInfo of an image topic is by custom."""
    *parts, leaf = image_topic.split("/")
    if leaf in TRANSPORTS and parts:
        *parts, leaf = parts
    if parts[-1:] == ["image"] and leaf == "data":  # of the RealSense SDK
        return "/".join([*parts[:-1], "info", "camera_info"])
    return "/".join([*parts, "camera_info"])


def lens_of(info: Any, image_topic: str) -> Lens:
    """Return the lens that a CameraInfo describes.

    It is about the raw image: a rectified one has the projection's intrinsics and no distortion.
    """
    K, P, D = (_field(info, name) for name in ("k", "p", "d"))
    width, height = int(info.width), int(info.height)
    if "rect" in image_topic.split("/")[-1 if _leaf(image_topic) not in TRANSPORTS else -2]:
        fx, fy, cx, cy = (P[0], P[5], P[2], P[6]) if P[0] > 0 else (K[0], K[4], K[2], K[5])
        return Lens(Camera(width, height, *map(float, (fx, fy, cx, cy))))
    camera = Camera(width, height, float(K[0]), float(K[4]), float(K[2]), float(K[5]))
    if camera.fx <= 0 or camera.fy <= 0:
        raise SlamError(f"the CameraInfo of {image_topic} states no focal length")
    coefficients, model = [float(value) for value in D], info.distortion_model.strip()
    if not any(coefficients) and model not in ("equidistant", "fisheye"):
        return Lens(camera)
    where = f"D of the CameraInfo of {image_topic}"
    if model in ("equidistant", "fisheye", "kannala_brandt", "Kannala Brandt4"):
        return fisheye_lens(camera, coefficients[:4], where)
    if model in ("plumb_bob", "rational_polynomial", ""):
        return opencv_lens(camera, coefficients[:8], where)
    name = model.lower().replace(" ", "_").replace("-", "")
    if name in MODELS:  # of the RealSense SDK
        return Lens(camera, name, tuple(coefficients[:5]))
    raise SlamError(f"the CameraInfo of {image_topic} has the distortion model {model}: not read")


def _leaf(topic: str) -> str:
    return topic.rsplit("/", 1)[-1]


def _field(info: Any, name: str) -> np.ndarray:
    """Return a matrix, whose name is upper case in ROS 1."""
    return np.asarray(getattr(info, name if hasattr(info, name) else name.upper()))


class Transforms:
    """The tree of frames that static transforms make."""

    def __init__(self, messages: Iterable[Any]) -> None:
        self._parent: dict[str, tuple[str, Transform]] = {}
        for message in messages:
            for stamped in message.transforms:
                child = _plain(stamped.child_frame_id)
                self._parent[child] = (_plain(stamped.header.frame_id), matrix(stamped.transform))

    def between(self, frame: str, other: str) -> Transform | None:
        """Return T_other_frame; None where nothing connects them."""
        chain, other_chain = self._chain(_plain(frame)), self._chain(_plain(other))
        for root, T_root_frame in chain.items():
            if root in other_chain:
                return inverse(other_chain[root]) @ T_root_frame
        return None

    def _chain(self, frame: str) -> dict[str, Transform]:
        """Return T_ancestor_frame for a frame and its ancestors, the nearest first."""
        found, T = {frame: np.eye(4)}, np.eye(4)
        while frame in self._parent:
            frame, T_parent_frame = self._parent[frame]
            T = T_parent_frame @ T
            if frame in found:
                break
            found[frame] = T
        return found


def _plain(frame: str) -> str:
    return frame.lstrip("/")


def matrix(transform: Any) -> Transform:
    """Return a geometry_msgs/Transform as a matrix: of the child's points in the parent."""
    q, t = transform.rotation, transform.translation
    return transform_from_quaternion(np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w]))
