"""Which image is which frame: files found by the numbers in their names."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from slam.errors import SlamError

Number = tuple[int, ...]
DEPTH_SUFFIXES = (".png", ".tif", ".tiff", ".npy", ".npz", ".exr", ".pgm")
COLOR_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


def files_like(folder: Path, pattern: str) -> list[Path]:
    """Return the files and folders below a folder that match, in order of their names.

    Upper and lower case are the same, and hidden files (`.DS_Store`, macOS' `._` twins of files)
    are left out.
    """
    places = [folder]
    for part in pattern.lower().split("/"):
        places = [
            path
            for place in places
            if place.is_dir()
            for path in sorted(place.iterdir())
            if not path.name.startswith(".") and fnmatchcase(path.name.lower(), part)
        ]
    return places


def depth_files_by_number(folder: Path, pattern: str = "*") -> dict[Number, Path]:
    """Return the depth images that match, by the numbers in their names."""
    return _by_number(folder, pattern, DEPTH_SUFFIXES)


def color_files_by_number(folder: Path, pattern: str = "*") -> dict[Number, Path]:
    """Return the colour images that match, by the numbers in their names."""
    return _by_number(folder, pattern, COLOR_SUFFIXES)


def _by_number(folder: Path, pattern: str, suffixes: Sequence[str]) -> dict[Number, Path]:
    """Return images by the numbers in their names, in that order (2 before 10)."""
    files: dict[Number, Path] = {}
    for path in files_like(folder, pattern):
        if path.suffix.lower() not in suffixes:
            continue
        number = tuple(int(digits) for digits in re.findall(r"\d+", path.stem))
        if not number:
            raise SlamError(f"{path} has no frame number in its name")
        if number in files:
            raise SlamError(f"{path} and {files[number].name} have the same frame number")
        files[number] = path
    return dict(sorted(files.items()))


def require_frames(files: dict[Number, Path], folder: Path, pattern: str) -> None:
    """Raise `SlamError` where no depth image was found; it says what was found instead."""
    if files:
        return
    place = folder / pattern.rpartition("/")[0]
    suffixes = sorted({p.suffix.lower() for p in files_like(place, "*") if p.suffix})
    found = f"found {', '.join(suffixes)} there, " if suffixes else ""
    raise SlamError(
        f"no depth images in {folder}: {found}expected {pattern} (16-bit PNG, TIFF or PGM, or "
        f"metres in float TIFF, EXR, npy or npz)"
    )
