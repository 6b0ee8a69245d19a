"""From what the user names to a source."""

from collections.abc import Callable, Sequence
from contextlib import suppress
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
from slam.sources.polycam import list_polycam
from slam.sources.record3d import list_record3d
from slam.sources.replica import list_replica
from slam.sources.scannet import list_scannet
from slam.sources.seven_scenes import list_seven_scenes
from slam.sources.stray_scanner import list_stray_scanner
from slam.sources.tum import ASSOCIATIONS, list_tum

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
MOST_NAMED = 8
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
    "Polycam": (("keyframes/depth/*",), list_polycam),
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


def open_source(spec: str | Path, config: Config) -> Source:
    """Open a folder (its format is detected) or `synthetic[:NAME]`; add the config's noise."""
    source = _open(str(spec), config)
    return NoisySource(source, config.noise) if config.noise.is_added else source


def _open(spec: str, config: Config) -> Source:
    kind, _, name = spec.partition(":")
    if kind == "synthetic":
        from slam.sources.synthetic import open_synthetic

        return open_synthetic(name, config=config.synthetic)
    if not spec:
        raise SlamError("the source's name is empty: give a folder, a file or synthetic[:NAME]")
    path = Path(spec)
    if is_stream(spec):
        raise SlamError(f"{spec}: only `slam run` and `slam compare` take a RealSense stream")
    try:
        if not path.exists():
            raise SlamError(
                f"{spec} does not exist: give a folder of images, a file that ends in "
                f"{', '.join(SUFFIXES)}, realsense, or synthetic[:NAME]"
            )
        source = open_file(path, config)
        if source is not None:
            return source
        kind = format_of(path) if path.is_dir() else None
        if kind is None:
            raise SlamError(f"{spec} is in no known format{_hint(path)}")
        return ImageSequence(FORMATS[kind][1](path), config.playback)
    except PermissionError as error:
        raise SlamError(f"cannot read {error.filename or spec}: {error.strerror}") from error


def format_of(folder: Path) -> str | None:
    """Return the name of a folder's format; None where it is in none."""
    for kind, (marks, _) in FORMATS.items():
        if any(all(files_like(folder, part) for part in mark.split(" + ")) for mark in marks):
            return kind
    return None


def _hint(path: Path) -> str:
    """Return what to give in place of a folder or file that is no recording."""
    if path.is_file() and path.suffix.lower() in ARCHIVES:
        return ": it is an archive; unpack it and give the folder"
    for above in path.absolute().parents[:2]:
        with suppress(PermissionError):
            if kind := format_of(above):
                return f", but {above} is ({kind}): give that"
    if not path.is_dir():
        return f"; give a folder of images, or a file that ends in {', '.join(SUFFIXES)}"
    found = [place.relative_to(path) for place in _recordings(path)]
    if found:
        return f", but in it there are {_some(found)}: give one of these"
    held = _some([_named(place) for place in files_like(path, "*")]) or "nothing"
    marks = "; ".join(f"{' or '.join(marks)} ({kind})" for kind, (marks, _) in FORMATS.items())
    return f": it holds {held}; looked for {marks}"


def _recordings(folder: Path, num_levels: int = 2) -> list[Path]:
    """Return the recordings in a folder and the folders in it, as far as they may be read."""
    found: list[Path] = []
    for path in files_like(folder, "*"):
        with suppress(PermissionError):
            if path.is_dir() and format_of(path):
                found.append(path)
            elif path.is_dir() and num_levels > 1:
                found += _recordings(path, num_levels - 1)
    return found


def _named(path: Path) -> str:
    """Name a file or a folder, and say which folder holds nothing."""
    with suppress(PermissionError):
        if path.is_dir() and not files_like(path, "*"):
            return f"{path.name} (empty)"
    return path.name


def _some(names: Sequence[object]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(str(name) for name in names[:MOST_NAMED]) + more
