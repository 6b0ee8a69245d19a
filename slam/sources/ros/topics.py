"""Which topics of a bag are depth and colour."""

import logging
from typing import Any, NamedTuple

from slam.config import RosConfig
from slam.errors import SlamError
from slam.sources.ros.cameras import CAMERA_INFO, info_topic
from slam.sources.ros.images import COMPRESSED, IMAGE, is_gray, kind_of
from slam.sources.ros.messages import Bag

logger = logging.getLogger(__name__)


class ImageTopic(NamedTuple):
    """A topic of images, with its first message and that of its camera, if there is one."""

    connection: Any
    first: Any
    info: Any | None

    @property
    def topic(self) -> str:
        """Its name."""
        return self.connection.topic

    @property
    def frame_id(self) -> str:
        """The frame of its camera."""
        return self.first.header.frame_id


def choose_topics(bag: Bag, config: RosConfig) -> tuple[ImageTopic, ImageTopic | None]:
    """Return the topics of depth and, where there is one, of colour: those that the config names,
    else those that fit best, with a line where several do.
    """
    infos = {connection.topic: connection for connection in bag.connections(CAMERA_INFO)}
    found: dict[str, list[ImageTopic]] = {"depth": [], "color": [], "other": []}
    for connection in bag.connections(IMAGE, COMPRESSED):
        first = bag.first(connection)
        info = infos.get(info_topic(connection.topic))
        topic = ImageTopic(connection, first, None if info is None else bag.first(info))
        found[kind_of(connection.msgtype, first)].append(topic)
    if not found["depth"]:
        there = ", ".join(f"{t.topic}" for t in found["color"] + found["other"]) or "no images"
        raise SlamError(f"{bag.path} has no depth images, only {there}")
    depth = _chosen(bag, found["depth"], config.depth_topic, "depth_topic", _depth_rank)
    if not found["color"]:
        return depth, None
    color = _chosen(
        bag, found["color"], config.color_topic, "color_topic", lambda t: _color_rank(t, depth)
    )
    return depth, color


def _chosen(bag: Bag, topics: list[ImageTopic], name: str, option: str, rank: Any) -> ImageTopic:
    names = ", ".join(topic.topic for topic in topics)
    if name:
        for topic in topics:
            if topic.topic == name:
                return topic
        raise SlamError(f"{bag.path} has no such topic as {name}; ros.{option} can be {names}")
    best = max(topics, key=rank)
    if len(topics) > 1:
        others = ", ".join(topic.topic for topic in topics if topic is not best)
        logger.warning(
            "%s: %s is used, not %s (choose by --ros.%s)",
            bag.path, best.topic, others, option.replace("_", "-"),
        )  # fmt: skip
    return best


def _depth_rank(topic: ImageTopic) -> tuple:
    """A camera that is known, the name, as many images as possible, no loss."""
    name = topic.topic.lower()
    return (
        topic.info is not None,
        "depth" in name,
        not any(word in name for word in ("infra", "/ir/")),
        "registered" in name or "aligned" in name,
        topic.connection.msgcount,
        topic.connection.msgtype == IMAGE,
    )


def _color_rank(topic: ImageTopic, depth: ImageTopic) -> tuple:
    """Real colour of a camera that is known, the frame of depth, as many images as possible."""
    name = topic.topic.lower()
    return (
        not is_gray(topic.connection.msgtype, topic.first),
        not any(word in name for word in ("infra", "/ir/", "depth")) or "registered" in name,
        topic.info is not None,
        topic.frame_id == depth.frame_id,
        "rect" in name,
        topic.connection.msgcount,
        topic.connection.msgtype == IMAGE,
    )
