"""From what the user names to a source."""

from collections.abc import Callable
from pathlib import Path

from slam.config import Config
from slam.errors import SlamError
from slam.sources.base import Source
from slam.sources.folder import FolderSource
from slam.sources.noise import NoisySource
from slam.sources.replica import ReplicaSource
from slam.sources.scannet import ScanNetSource
from slam.sources.seven_scenes import SevenScenesSource
from slam.sources.tum import TumSource

# The first format of which any mark is found is taken: a plain folder's mark also fits ScanNet.
FORMATS: dict[str, tuple[tuple[str, ...], Callable[[Path], Source]]] = {
    "TUM RGB-D": (("depth.txt",), TumSource),
    "Replica": (("results/depth*.png",), ReplicaSource),
    "7-Scenes": (("frame-*.depth.png", "seq-*/frame-*.depth.png"), SevenScenesSource),
    "ScanNet": (("intrinsic/intrinsic_depth.txt",), ScanNetSource),
    "plain folder": (("depth/*.png",), FolderSource),
}


def open_source(spec: str, config: Config) -> Source:
    """Open a folder (its format is detected) or `synthetic[:NAME]`; add the config's noise."""
    source = _open(spec)
    if config.noise.model == "none" and config.noise.outliers == 0:
        return source
    return NoisySource(source, config.noise)


def _open(spec: str) -> Source:
    kind, _, name = spec.partition(":")
    if kind == "synthetic":
        from slam.sources.synthetic import open_synthetic

        return open_synthetic(name)
    path = Path(spec)
    if spec == "realsense" or path.suffix in (".bag", ".db3"):
        raise SlamError(
            f"{spec}: RealSense cameras and recordings are not supported by this version"
        )
    if not path.exists():
        raise SlamError(f"{spec} does not exist: give a folder of images or synthetic[:NAME]")
    if not path.is_dir():
        raise SlamError(f"{spec} is not a folder: give a folder of images or synthetic[:NAME]")
    for marks, source_class in FORMATS.values():
        if any(next(path.glob(mark), None) is not None for mark in marks):
            return source_class(path)
    looked_for = "; ".join(f"{' or '.join(marks)} ({kind})" for kind, (marks, _) in FORMATS.items())
    raise SlamError(f"{spec} is in no known format; looked for {looked_for}")
