"""A finished run, as it is read from its folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from slam.config import Config
from slam.config_file import load_config
from slam.errors import SlamError
from slam.graph.graph import Graph
from slam.graph.graph_file import graph_of
from slam.journal import FrameRecord
from slam.runs.folder import ONLINE_NAME
from slam.runs.frame_table import read_frames
from slam.trajectory import Trajectory, read_tum

MAP_SUFFIXES = (".npz", ".safetensors")


@dataclass(frozen=True)
class Run:
    """A finished run as read from its folder; mesh and map are paths, since they are large."""

    config: Config
    trajectory: Trajectory
    online_trajectory: Trajectory | None
    metrics: dict[str, Any]
    frames: list[FrameRecord]
    mesh_path: Path | None
    map_path: Path | None
    graph: Graph = field(default_factory=Graph.none)
    apart: Sequence[Trajectory] = ()  # of pieces that never joined that of `trajectory`

    def poses(self) -> Trajectory:
        """Return the poses of all pieces, in order of time."""
        parts = (self.trajectory, *self.apart)
        stamps_s = np.concatenate([part.timestamps_s for part in parts])
        Ts = np.concatenate([part.Ts_world_camera for part in parts])
        order = np.argsort(stamps_s, kind="stable")
        return Trajectory(stamps_s[order], Ts[order])


def load_run(path: str | Path) -> Run:
    """Read a finished run; `frames.csv`, poses as tracked, the mesh and the map may be absent."""
    path = Path(path)
    if not path.is_dir():
        raise SlamError(f"no run folder at {path}; `slam run SOURCE --out {path}` makes one")
    for name in ("config.yaml", "trajectory.txt", "metrics.json"):
        if not (path / name).is_file():
            raise SlamError(f"{path} is not a finished run: {name} is missing")
    try:
        metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
        trajectory = read_tum(path / "trajectory.txt")
        online_path = path / ONLINE_NAME
        online_trajectory = read_tum(online_path) if online_path.is_file() else None
        frames = read_frames(path / "frames.csv")
        graph = _read_graph(path / "graph.json")
        apart = [read_tum(part) for part in _parts(path, metrics)]
    except OSError as error:
        raise SlamError(f"cannot read run {path}: {error.filename}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise SlamError(f"{path / 'metrics.json'} is not JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise SlamError(
            f"run {path} is damaged: a text file holds bytes that are not UTF-8"
        ) from error
    if not isinstance(metrics, dict):
        raise SlamError(
            f"{path / 'metrics.json'} must hold an object, got {type(metrics).__name__}"
        )
    maps = [path / f"map{suffix}" for suffix in MAP_SUFFIXES if (path / f"map{suffix}").is_file()]
    mesh_path = path / "mesh.ply"
    return Run(
        config=load_config([path / "config.yaml"]),
        trajectory=trajectory,
        online_trajectory=online_trajectory,
        metrics=metrics,
        frames=frames,
        mesh_path=mesh_path if mesh_path.is_file() else None,
        map_path=maps[0] if maps else None,
        graph=graph,
        apart=apart,
    )


def _parts(path: Path, metrics: Any) -> list[Path]:
    """Return the files of further pieces; where the metrics know of none, such files are of merged
    runs.
    """
    loops = metrics.get("loops") if isinstance(metrics, dict) else None
    num_pieces = loops.get("pieces", 1) if isinstance(loops, dict) else 1
    names = [path / f"trajectory_{number}.txt" for number in range(2, num_pieces + 1)]
    return [name for name in names if name.is_file()]


def _read_graph(path: Path) -> Graph:
    if not path.is_file():
        return Graph.none()
    try:
        return graph_of(path.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError) as error:
        raise SlamError(f"{path} is no pose graph: {error}") from error
