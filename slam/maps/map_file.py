"""What all map files have in common: a NumPy .npz archive of plain arrays, so that reading one
executes nothing. Its `header` is JSON text in uint8 that names the format, "twinmap-" and the map's
kind, and the format's version. Others keep arrays beside the map's, under names that begin with
the name of their room (`slam.places.places_file`); a map's reader leaves them alone.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from slam.errors import SlamError


@contextmanager
def opened_map_file(path: Path) -> Iterator[tuple[dict[str, Any], Mapping[str, np.ndarray]]]:
    """Open a map file for its header and its arrays; whatever is wrong with it, found in the block
    too, becomes a `SlamError` of one line.
    """
    if path.suffix.lower() in (".ply", ".obj", ".stl", ".glb"):
        raise SlamError(f"{path} is a mesh, no map: give the map.npz beside it")
    try:
        _check_archive(path)
        with np.load(path, allow_pickle=False) as archive:
            yield json.loads(archive["header"].tobytes()), archive
    except SlamError as error:
        raise SlamError(f"{path} is not a readable map file: {error}") from error
    except FileNotFoundError as error:
        raise SlamError(f"{path}: no such map file") from error
    except (
        OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, OverflowError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SlamError(f"{path} is not a readable map file: {reason}") from error


def _check_archive(path: Path) -> None:
    """Refuse what never was an archive, of which NumPy says that it holds pickled objects."""
    with path.open("rb") as file:
        if file.read(2) not in (b"PK", b""):
            raise SlamError("it is no archive; give the map.npz of a run")


def check_format(header: Mapping[str, Any], name: str, version: int, oldest: int = 1) -> None:
    """Refuse a file of another format, or of a version that this program does not read."""
    if header["format"] != name or not oldest <= header["version"] <= version:
        raise SlamError(
            f"it holds {header['format']} version {header['version']}; this program reads {name} "
            + (f"version {version}" if oldest == version else f"up to version {version}")
        )
