"""Real-time RGB-D SLAM with a TSDF map and a neural map of the same room."""

from importlib import metadata

try:
    __version__ = metadata.version("twinmap")
except metadata.PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"
