"""A `.bag` of the RealSense SDK, read without it: a ROS 1 bag with topics of its own."""

import re
from typing import Any

import numpy as np

from slam.geometry import Transform, inverse
from slam.sources.ros.cameras import matrix
from slam.sources.ros.messages import Bag

_STREAM = re.compile(r"(?P<stream>/device_\d+/sensor_\d+/[^/]+)/image/data")
_TRANSFORM, _FLOAT = "geometry_msgs/msg/Transform", "std_msgs/msg/Float32"
DEFAULT_UNIT_M = 0.001


def is_realsense(image_topic: str) -> bool:
    """Tell whether a topic is one of the SDK's."""
    return _STREAM.fullmatch(image_topic) is not None


def depth_unit_m(bag: Bag, depth_topic: str) -> float:
    """Return the unit of stored depth: an option of the sensor."""
    sensor = depth_topic.rsplit("/", 3)[0]
    for message in bag.every(_of_topic(bag, _FLOAT, f"{sensor}/option/Depth_Units/value")):
        return float(message.data)
    return DEFAULT_UNIT_M


def T_color_depth_of(bag: Bag, depth_topic: str, color_topic: str) -> Transform:
    """Return where the depth camera is for the colour camera. Each stream's transform leads to it
    from the reference that both have; one without is the reference.
    """
    T_depth_reference, T_color_reference = (_T(bag, t) for t in (depth_topic, color_topic))
    return T_color_reference @ inverse(T_depth_reference)


def _T(bag: Bag, image_topic: str) -> Transform:
    stream = image_topic.removesuffix("/image/data")
    for message in bag.every(_of_topic(bag, _TRANSFORM, f"{stream}/tf/")):
        return matrix(message)
    return np.eye(4)


def _of_topic(bag: Bag, msgtype: str, start: str) -> list[Any]:
    return [c for c in bag.connections(msgtype) if c.topic.startswith(start)]
