"""Which image is which frame: files found by the numbers in their names."""

import re
from pathlib import Path

from slam.errors import SlamError

Number = tuple[int, ...]


def files_by_number(folder: Path, pattern: str) -> dict[Number, Path]:
    """Return the files that match, by the numbers in their names, in that order (2 before 10)."""
    files: dict[Number, Path] = {}
    for path in sorted(folder.glob(pattern)):
        number = tuple(int(digits) for digits in re.findall(r"\d+", path.stem))
        if not number:
            raise SlamError(f"{path} has no frame number in its name")
        if number in files:
            raise SlamError(f"{path} and {files[number].name} have the same frame number")
        files[number] = path
    return dict(sorted(files.items()))


def require_frames(files: dict[Number, Path], folder: Path, pattern: str) -> None:
    """Raise `SlamError` where no file was found."""
    if not files:
        raise SlamError(f"no depth images in {folder}: expected {pattern}")
