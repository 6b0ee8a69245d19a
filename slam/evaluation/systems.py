"""What is compared: finished runs of ours, and trajectories with meshes of other systems."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slam.errors import SlamError
from slam.runs.finished import Run, load_run
from slam.trajectory import Trajectory, read_tum

_COLORS = (
    "#2563eb", "#e0700d", "#0f9d76", "#9d4edd", "#c2255c", "#7a5c00", "#0891b2", "#d61fa8",
    "#64748b", "#7c9a0a",
)  # fmt: skip


@dataclass(frozen=True)
class SystemRun:
    """One system's result on a recording; `run` is None if the system is not ours, and then only
    evaluation fills its metrics.
    """

    name: str
    trajectory: Trajectory
    mesh_path: Path | None
    metrics: dict[str, Any] = field(default_factory=dict)
    run: Run | None = None


def load_systems(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[SystemRun]:
    """Read result folders; without names, as many last parts of the paths as tell them apart."""
    names = _names(paths) if names is None else names
    if len(names) != len(paths) or len(set(names)) != len(names):
        raise SlamError(f"{len(paths)} runs need as many different names, got {', '.join(names)}")
    return [_load(path, name) for path, name in zip(paths, names, strict=True)]


def system_colors(systems: Sequence[object]) -> list[str]:
    """Return the colour of each system, or other method, in a report."""
    return [_COLORS[k % len(_COLORS)] for k in range(len(systems))]


def is_ours(path: Path) -> bool:
    """Tell a run folder of ours, even a damaged one, from another system's trajectory and mesh."""
    is_marked = any((path / name).is_file() for name in ("config.yaml", "metrics.json"))
    return is_marked or not (path / "trajectory.txt").is_file()


def as_system(name: str, run: Run) -> SystemRun:
    """Return a finished run of ours under a name."""
    return SystemRun(name, run.trajectory, run.mesh_path, dict(run.metrics), run)


def _load(path: Path, name: str) -> SystemRun:
    if is_ours(path):
        return as_system(name, load_run(path))
    try:
        trajectory = read_tum(path / "trajectory.txt")
    except (OSError, UnicodeDecodeError) as error:
        raise SlamError(f"cannot read {path / 'trajectory.txt'}: {error}") from error
    if len(trajectory) == 0:
        raise SlamError(f"{path / 'trajectory.txt'} holds no pose in TUM format")
    mesh_path = path / "mesh.ply"
    return SystemRun(
        name,
        trajectory,
        mesh_path if mesh_path.is_file() else None,
        {"tracked": len(trajectory)},
    )


def _names(paths: Sequence[Path]) -> list[str]:
    parts = [path.resolve().parts for path in paths]
    for num_parts in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(path[-num_parts:]) for path in parts]
        if len(set(names)) == len(names):
            return names
    twice = Counter(parts).most_common(1)[0][0]
    raise SlamError(f"{Path(*twice)} is given twice")
