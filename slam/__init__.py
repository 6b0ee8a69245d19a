"""Real-time RGB-D SLAM with a TSDF map and a neural map of the same room.

What a short program needs is imported from here: `from slam import Config, Slam, open_source`; see
examples/. It is loaded when it is first asked for, so `import slam` alone costs nothing.
"""

from importlib import import_module, metadata
from typing import TYPE_CHECKING

__all__ = [
    "Camera", "Config", "DepthNoise", "Frame", "Slam", "SlamError", "TrackState", "load_config",
    "load_map", "load_run", "open_source", "playback", "tum_text", "write_ply",
]  # fmt: skip

try:
    __version__ = metadata.version("twinmap")
except metadata.PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from slam.camera import Camera, DepthNoise
    from slam.config import Config
    from slam.config_file import load_config
    from slam.errors import SlamError
    from slam.frame import Frame
    from slam.maps.factory import load_map
    from slam.meshio import write_ply
    from slam.runs.finished import load_run
    from slam.sources.detect import open_source
    from slam.sources.playback import playback
    from slam.system import Slam
    from slam.tracking.base import TrackState
    from slam.trajectory import tum_text
else:  # hidden from type checkers, to which it would make every name valid
    _MODULES = {
        "Camera": "slam.camera",
        "Config": "slam.config",
        "DepthNoise": "slam.camera",
        "Frame": "slam.frame",
        "Slam": "slam.system",
        "SlamError": "slam.errors",
        "TrackState": "slam.tracking.base",
        "load_config": "slam.config_file",
        "load_map": "slam.maps.factory",
        "load_run": "slam.runs.finished",
        "open_source": "slam.sources.detect",
        "playback": "slam.sources.playback",
        "tum_text": "slam.trajectory",
        "write_ply": "slam.meshio",
    }

    def __getattr__(name):
        """Load what is asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value  # the next time Python finds it itself
        return value
