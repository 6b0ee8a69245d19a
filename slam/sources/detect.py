"""From what the user names to a source."""

from collections.abc import Callable
from pathlib import Path

from slam.config import Config
from slam.errors import SlamError
from slam.sources.base import Source, Stream
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


RECORDINGS = (".db3", ".bag")  # of the RealSense SDK, from version 2.58 on and before


def is_stream(spec: str) -> bool:
    """Whether this names a camera or a recording that can only be played from its start."""
    return spec == "realsense" or Path(spec).suffix in RECORDINGS


def open_source_or_stream(spec: str, config: Config) -> Source | Stream:
    """Open whatever the user names."""
    if not is_stream(spec):
        return open_source(spec, config)
    if config.noise.model != "none" or config.noise.outliers > 0:
        raise SlamError(f"{spec}: noise is added to clean recordings, not to a RealSense's")
    from slam.sources.realsense.open import open_camera, open_recording

    return (
        open_camera(config.realsense)
        if spec == "realsense"
        else open_recording(Path(spec), config.realsense)
    )


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
    if is_stream(spec):
        raise SlamError(f"{spec}: only `slam run` and `slam compare` take a RealSense stream")
    if not path.exists():
        raise SlamError(f"{spec} does not exist: give a folder of images or synthetic[:NAME]")
    if not path.is_dir():
        raise SlamError(f"{spec} is not a folder: give a folder of images or synthetic[:NAME]")
    for marks, source_class in FORMATS.values():
        if any(next(path.glob(mark), None) is not None for mark in marks):
            return source_class(path)
    looked_for = "; ".join(f"{' or '.join(marks)} ({kind})" for kind, (marks, _) in FORMATS.items())
    raise SlamError(f"{spec} is in no known format; looked for {looked_for}")
