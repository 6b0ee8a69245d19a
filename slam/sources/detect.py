"""From what the user names to a source."""

from collections.abc import Callable
from pathlib import Path

from slam.config import Config
from slam.errors import SlamError
from slam.sources.arkit_scenes import list_arkit_scenes
from slam.sources.base import Source, Stream
from slam.sources.files import SUFFIXES, is_for_realsense_sdk, open_file
from slam.sources.folder import CAMERA_JSON, list_folder
from slam.sources.image_sequence import ImageSequence, Listing
from slam.sources.nerfstudio import list_nerfstudio
from slam.sources.neural_rgbd import list_neural_rgbd
from slam.sources.noise.source import NoisySource
from slam.sources.numbered import files_like
from slam.sources.record3d import list_record3d
from slam.sources.replica import list_replica
from slam.sources.scannet import list_scannet
from slam.sources.seven_scenes import list_seven_scenes
from slam.sources.stray_scanner import list_stray_scanner
from slam.sources.tum import ASSOCIATIONS, list_tum

# The first format of which any mark is found is taken; of a mark, all parts must be there.
FORMATS: dict[str, tuple[tuple[str, ...], Callable[[Path], Listing]]] = {
    "TUM RGB-D": (("depth.txt", *ASSOCIATIONS), list_tum),
    "Replica": (("results/depth*.*",), list_replica),
    "7-Scenes": (("frame-*.depth.*", "seq-*/frame-*.depth.*"), list_seven_scenes),
    "ScanNet": (("intrinsic/intrinsic_depth.txt",), list_scannet),
    "Stray Scanner": (("odometry.csv + camera_matrix.csv",), list_stray_scanner),
    "ARKitScenes": (("lowres_depth/*",), list_arkit_scenes),
    "Record3D": (
        ("metadata.json + depth/*", "EXR_RGBD/metadata.json", "metadata.json + EXR_RGBD/depth"),
        list_record3d,
    ),
    "nerfstudio": (("transforms.json",), list_nerfstudio),
    "Neural RGB-D": (("poses.txt + focal.txt",), list_neural_rgbd),
    "Redwood / Open3D": (
        (*(f"depth/* + {name}" for name in CAMERA_JSON), "depth/* + *.log"),
        list_folder,
    ),
    "plain folder": (("depth/*",), list_folder),
}


def absolute(spec: str) -> str:
    """Return how a source is named from any working directory."""
    return str(Path(spec).absolute()) if Path(spec).exists() else spec


def is_stream(spec: str) -> bool:
    """Whether this names a camera or a recording that can only be played from its start."""
    return spec == "realsense" or is_for_realsense_sdk(Path(spec))


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
    source = open_file(path, config)
    if source is not None:
        return source
    if not path.is_dir():
        raise SlamError(
            f"{spec} is in no known format; give a folder of images, or a file that ends in "
            f"{', '.join(SUFFIXES)}"
        )
    return ImageSequence(FORMATS[format_of(path)][1](path), config.playback)


def format_of(folder: Path) -> str:
    """Return the name of a folder's format; `SlamError` where it is in none."""
    for kind, (marks, _) in FORMATS.items():
        if any(all(files_like(folder, part) for part in mark.split(" + ")) for mark in marks):
            return kind
    looked_for = "; ".join(f"{' or '.join(marks)} ({kind})" for kind, (marks, _) in FORMATS.items())
    raise SlamError(f"{folder} is in no known format; looked for {looked_for}")
