"""A ROS bag as a source. Frames are those of the depth topic, at their stamps."""

import logging
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from slam.camera import DepthNoise
from slam.config import RosConfig
from slam.errors import SlamError
from slam.geometry import Transform
from slam.sources.camera_file import HINT, CameraFile, read_camera_file
from slam.sources.container import Contents
from slam.sources.lens import Lens
from slam.sources.rig import Rig
from slam.sources.ros.cameras import TF_TYPES, Transforms, lens_of
from slam.sources.ros.images import color_of, size_of, stored_depth
from slam.sources.ros.messages import Bag, MessageCursor
from slam.sources.ros.realsense_bag import T_color_depth_of, depth_unit_m, is_realsense
from slam.sources.ros.topics import ImageTopic, choose_topics
from slam.trajectory import associate

logger = logging.getLogger(__name__)
_PER_NS = 1e-9


def open_bag(path: Path, config: RosConfig) -> Contents:
    """Find the topics, the cameras, and which colour belongs to which depth: one to one, the
    closest first, within 20 ms.
    """
    bag = Bag(path)
    depth, color = choose_topics(bag, config)
    topics = [depth] if color is None else [depth, color]
    connections = [topic.connection for topic in topics]
    stamps = bag.stamps(connections)
    seconds = [np.array([stamp.stamp_ns for stamp in of]) * _PER_NS for of in stamps]
    color_of_depth: dict[int, int] = {}
    if color is not None:
        for i, j in zip(*associate(seconds[0], seconds[1]), strict=True):
            color_of_depth[int(i)] = int(j)
        if not color_of_depth:
            logger.warning(
                "%s: no image of %s within 20 ms of one of %s", path, color.topic, depth.topic
            )
    scale = stored_depth(depth.connection.msgtype, depth.first)[1]
    if is_realsense(depth.topic):
        scale = 1.0 / depth_unit_m(bag, depth.topic)
    camera_file = _camera_file(path)
    if camera_file is not None and camera_file.depth_scale is not None:
        scale = camera_file.depth_scale
    return Contents(
        name=path.stem,
        rig=_rig_of(bag, depth, color) if camera_file is None else camera_file.rig,
        depth_scale=scale,
        depth_noise=DepthNoise.kinect_v1() if camera_file is None else camera_file.noise,
        timestamps_s=seconds[0],
        images=_BagImages(topics, MessageCursor(bag, connections, stamps), color_of_depth),
    )


class _BagImages:
    def __init__(
        self, topics: list[ImageTopic], cursor: MessageCursor, color_of_depth: dict[int, int]
    ) -> None:
        self._types = [topic.connection.msgtype for topic in topics]
        self._cursor = cursor
        self._color_of_depth = color_of_depth

    def depth(self, index: int) -> np.ndarray:
        return stored_depth(self._types[0], self._cursor.message(0, index))[0]

    def color(self, index: int) -> UInt8[np.ndarray, "h w 3"] | None:
        if index not in self._color_of_depth:
            return None
        message = self._cursor.message(1, self._color_of_depth[index])
        return color_of(self._types[1], message)


def _camera_file(path: Path) -> CameraFile | None:
    """Read the cameras from a `.yaml` of the bag's name beside it, which wins over the bag's."""
    candidate = path.with_suffix(".yaml")
    return read_camera_file(candidate, needs_scale=False) if candidate.exists() else None


def _rig_of(bag: Bag, depth: ImageTopic, color: ImageTopic | None) -> Rig:
    depth_lens = _lens(bag, depth)
    if color is None:
        return Rig(depth_lens)
    if color.info is None and color.frame_id == depth.frame_id:
        return Rig(depth_lens)
    color_lens = _lens(bag, color)
    T_color_depth = _T_color_depth(bag, depth, color, depth_lens == color_lens)
    if T_color_depth is None:
        return Rig(depth_lens)
    if depth_lens == color_lens and np.allclose(T_color_depth, np.eye(4), atol=1e-6):
        return Rig(depth_lens)
    return Rig(depth_lens, color_lens, T_color_depth)


def _lens(bag: Bag, topic: ImageTopic) -> Lens:
    if topic.info is None:
        name = bag.path.with_suffix(".yaml").name
        raise SlamError(f"{bag.path} has no CameraInfo for {topic.topic}: add {name}, a {HINT}")
    lens = lens_of(topic.info, topic.topic)
    height, width = size_of(topic.connection.msgtype, topic.first)
    if (lens.camera.width, lens.camera.height) != (width, height):
        raise SlamError(
            f"{bag.path}: {topic.topic} is {width}x{height}, but its CameraInfo is of "
            f"{lens.camera.width}x{lens.camera.height}"
        )
    return lens


def _T_color_depth(
    bag: Bag, depth: ImageTopic, color: ImageTopic, is_same_lens: bool
) -> Transform | None:
    """Return where the depth camera is for the colour camera; None where colour has been
    registered to depth's pixels.
    """
    if is_realsense(depth.topic):
        return T_color_depth_of(bag, depth.topic, color.topic)
    if depth.frame_id == color.frame_id:
        return np.eye(4)
    static = [c for c in bag.connections(*TF_TYPES) if c.topic.endswith("tf_static")]
    T = Transforms(bag.every(static)).between(depth.frame_id, color.frame_id)
    if T is None and is_same_lens:  # depth_registered of some drivers keeps its own frame
        return None
    if T is None:
        logger.warning(
            "%s: no /tf_static leads from %s to %s: both cameras are taken to be at one place",
            bag.path, depth.frame_id, color.frame_id,
        )  # fmt: skip
        return np.eye(4)
    return T
