"""From what the user names to a source."""

from collections.abc import Callable
from pathlib import Path

from slam.config import Config
from slam.errors import SlamError
from slam.sources.base import Source, Stream
from slam.sources.folder import list_folder
from slam.sources.image_sequence import ImageSequence, Listing
from slam.sources.noise.source import NoisySource
from slam.sources.replica import list_replica
from slam.sources.scannet import list_scannet
from slam.sources.seven_scenes import list_seven_scenes
from slam.sources.tum import list_tum

# The first format of which any mark is found is taken: a plain folder's mark also fits ScanNet.
FORMATS: dict[str, tuple[tuple[str, ...], Callable[[Path], Listing]]] = {
    "TUM RGB-D": (("depth.txt",), list_tum),
    "Replica": (("results/depth*.png",), list_replica),
    "7-Scenes": (("frame-*.depth.png", "seq-*/frame-*.depth.png"), list_seven_scenes),
    "ScanNet": (("intrinsic/intrinsic_depth.txt",), list_scannet),
    "plain folder": (("depth/*.png",), list_folder),
}


RECORDINGS = (".db3", ".bag")  # of the RealSense SDK, from version 2.58 on and before


def is_stream(spec: str) -> bool:
    """Whether this names a camera or a recording that can only be played from its start."""
    return spec == "realsense" or Path(spec).suffix in RECORDINGS


def open_source_or_stream(spec: str, config: Config) -> Source | Stream:
    """Open whatever the user names."""
    if not is_stream(spec):
        return open_source(spec, config)
    if config.noise.is_added:
        raise SlamError(f"{spec}: noise is added to clean recordings, not to a RealSense's")
    from slam.sources.realsense.open import open_camera, open_recording

    return (
        open_camera(config.realsense)
        if spec == "realsense"
        else open_recording(Path(spec), config.realsense)
    )


def open_source(spec: str, config: Config) -> Source:
    """Open a folder (its format is detected) or `synthetic[:NAME]`; add the config's noise."""
    source = _open(spec, config)
    return NoisySource(source, config.noise) if config.noise.is_added else source


def _open(spec: str, config: Config) -> Source:
    kind, _, name = spec.partition(":")
    if kind == "synthetic":
        from slam.sources.synthetic import open_synthetic

        return open_synthetic(name, config=config.synthetic)
    path = Path(spec)
    if is_stream(spec):
        raise SlamError(f"{spec}: only `slam run` and `slam compare` take a RealSense stream")
    if not path.exists():
        raise SlamError(f"{spec} does not exist: give a folder of images or synthetic[:NAME]")
    if not path.is_dir():
        raise SlamError(f"{spec} is not a folder: give a folder of images or synthetic[:NAME]")
    return ImageSequence(FORMATS[format_of(path)][1](path))


def format_of(folder: Path) -> str:
    """Return the name of a folder's format; `SlamError` where it is in none."""
    for kind, (marks, _) in FORMATS.items():
        if any(next(folder.glob(mark), None) is not None for mark in marks):
            return kind
    looked_for = "; ".join(f"{' or '.join(marks)} ({kind})" for kind, (marks, _) in FORMATS.items())
    raise SlamError(f"{folder} is in no known format; looked for {looked_for}")
