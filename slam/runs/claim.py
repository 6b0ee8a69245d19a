"""Whose a run folder is: one run writes to it at a time, and an older run's files do not stay."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from slam.errors import SlamError

RESULTS = (
    "config.yaml", "trajectory.txt", "trajectory_*.txt", "frames.csv", "loops.csv", "graph.json",
    "metrics.json", "comparison.json", "job.json", "report.html", "mesh.ply", "mesh_*.ply",
    "map.npz", "map.safetensors", "*.part",
    *(f"export/{name}" for name in ("mesh*.ply", "mesh.glb", "points.ply", "trajectory_*.txt")),
    "export/nerfstudio/transforms.json", "export/nerfstudio/points.ply",
    *(f"export/nerfstudio/{kind}/[0-9]*.png" for kind in ("images", "depth", "masks")),
)  # fmt: skip


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other runs out of an existing folder while the block runs.

    The lock is on the folder itself and ends with the process, however that ends.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise SlamError(f"another run is writing to {folder}: give another --out") from error
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(handle)


def clear(folder: Path) -> None:
    """Remove what an older run left, so that nothing of it is taken for this one's."""
    try:
        for pattern in RESULTS:
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise SlamError(f"cannot remove {error.filename}: {error.strerror}") from error
