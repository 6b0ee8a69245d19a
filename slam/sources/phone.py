"""What the exports of phones with lidar share."""

from collections.abc import Sequence
from pathlib import Path

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError, SlamError
from slam.sources.depth_reader import read_stored
from slam.sources.lens import Lens
from slam.sources.rig import Rig

# ARKit's depth is the lidar's few hundred points spread by a network: smooth, and about 1 % off.
LIDAR_NOISE = DepthNoise(0.003, 0.005, 0.0)


def one_view(paths: Sequence[Path], color_camera: Camera) -> Rig:
    """Return the rig of depth images that show what colour shows, in another size."""
    for path in paths[:10]:
        try:
            height, width = read_stored(path).shape
        except BadFrameError:
            continue
        return Rig(Lens(color_camera.resized(width, height)), Lens(color_camera))
    raise SlamError(f"none of the first images like {paths[0]} can be read")
