"""Recordings that are one file, or a folder that a ROS 2 recorder wrote: which reader takes them.

A suffix can mean two formats, so what is in the file decides.
"""

import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path

from slam.config import Config
from slam.sources.azure_kinect import open_azure_kinect
from slam.sources.container import ContainerSource, Contents
from slam.sources.klg import open_klg
from slam.sources.r3d import is_r3d_folder, open_r3d
from slam.sources.ros.bag import open_bag
from slam.sources.rtabmap import open_rtabmap
from slam.sources.sens import open_sens

ROS_SUFFIXES = (".bag", ".db3", ".mcap")
OPENERS: dict[str, Callable[[Path], Contents]] = {
    ".sens": open_sens,
    ".klg": open_klg,
    ".r3d": open_r3d,
    ".mkv": open_azure_kinect,
    ".db": open_rtabmap,
}
SUFFIXES = (*OPENERS, *ROS_SUFFIXES)
_INDEX_POSITION = b"index_pos="
_REALSENSE_TOPIC = "/device_0/"  # with which every topic of the SDK begins
_MOST_BYTES = 1 << 22


def is_ros2_folder(path: Path) -> bool:
    """Tell whether a ROS 2 recorder wrote this folder."""
    has_data = any(any(path.glob(f"*{suffix}*")) for suffix in (".db3", ".mcap"))
    return path.is_dir() and (path / "metadata.yaml").exists() and has_data


def open_file(path: Path, config: Config) -> ContainerSource | None:
    """Open a recording in one file, or a folder of a ROS 2 bag or of an unpacked file of Record3D;
    None for anything else.
    """
    suffix = path.suffix.lower()
    if suffix in ROS_SUFFIXES or is_ros2_folder(path):
        contents = open_bag(path, config.ros)
    elif is_r3d_folder(path):
        contents = open_r3d(path)
    elif suffix in OPENERS and path.is_file():
        contents = OPENERS[suffix](path)
    else:
        return None
    return ContainerSource(contents, config.playback)


def is_for_realsense_sdk(path: Path) -> bool:
    """Tell whether this is a recording of the RealSense SDK that the SDK has to read: a `.bag` is
    read without it, where it is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".db3":
        return not path.is_file() or _is_realsense_db3(path)
    if suffix != ".bag":
        return False
    has_sdk = importlib.util.find_spec("pyrealsense2") is not None
    return not path.is_file() or (has_sdk and _is_realsense_bag(path))


def _is_realsense_db3(path: Path) -> bool:
    """Look at the topics; what cannot be read (it may be cut off) is left to the SDK's reader,
    unless a ROS 2 recorder's metadata lies beside it.
    """
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as database:
            names = [name for (name,) in database.execute("SELECT name FROM topics")]
    except sqlite3.Error:
        return not path.with_name("metadata.yaml").exists()
    return not names or any(name.startswith(_REALSENSE_TOPIC) for name in names)


def _is_realsense_bag(path: Path) -> bool:
    """Look at the topics, which stand behind the data, where the first record says."""
    with path.open("rb") as file:
        start = file.read(4096)
        at = start.find(_INDEX_POSITION) + len(_INDEX_POSITION)
        position = int.from_bytes(start[at : at + 8], "little")
        file.seek(position if 0 < position < path.stat().st_size else 0)
        return f"topic={_REALSENSE_TOPIC}".encode() in file.read(_MOST_BYTES)
