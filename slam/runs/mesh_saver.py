"""Meshes saved while a run goes on."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from slam.maps.base import Map
from slam.meshio import write_ply
from slam.runs.loop import System
from slam.workers import Worker

logger = logging.getLogger(__name__)


class MeshSaver:
    """Extracts and writes the meshes of systems in a thread of its own, as mesh_001.ply and so on
    in the folder of each, what a map predicts beside them.

    A mesh that cannot be written costs a warning, not the run.
    """

    def __init__(self, folder_of: Callable[[System], Path], say: Callable[[str], None]) -> None:
        self._folder_of = folder_of
        self._say = say
        self._worker = Worker(self._save, name="mesh saver")

    def save(self, systems: Sequence[System]) -> None:
        """Take the maps as they are when the thread gets to them; returns at once."""
        for system in systems:
            self._worker.submit((self._folder_of(system), system.slam.map))

    def close(self) -> None:
        """Finish what was asked for."""
        self._worker.close()

    def _save(self, asked: tuple[Path, Map]) -> None:
        folder, map_ = asked
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = _free_path(folder)
            write_ply(path, map_.mesh())
        except Exception as error:  # whatever it is, the run goes on
            logger.warning("no mesh saved: %s", error)
            self._say(f"no mesh saved: {error}")
        else:
            logger.info("saved %s", path)
            self._say(f"saved {path}")


def _free_path(folder: Path) -> Path:
    number = 1
    while (path := folder / f"mesh_{number:03}.ply").exists():
        number += 1
    return path
