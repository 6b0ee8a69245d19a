"""What a system leaves: its files and its figures."""

import logging
import platform
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from slam.device import Device
from slam.maps.base import Mesh
from slam.runs.claim import claimed
from slam.runs.folder import RunFolder
from slam.runs.loop import Session, System
from slam.runs.pieces import drop_joined, largest_first, surface_of
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

NOTABLE_OFFSET_M = 0.01  # of the map from the trajectory
NOTABLE_SHARE = 0.1  # of the frames: more that are lost or skipped need a reason


def write_results(folder: RunFolder, system: System, metrics: Mapping[str, Any]) -> None:
    """Write everything; what fails does not keep the rest from being written."""
    write_files(folder, system, lambda: _write_pieces(folder, system), metrics)


def write_files(
    folder: RunFolder,
    system: System,
    write_poses: Callable[[], None],
    metrics: Mapping[str, Any],
) -> None:
    """Write what a run can be gone on with. A kill may come between two files, and `earlier_of`
    takes a frame for done that is in table and poses: so these come after the map.
    """
    slam = system.slam
    folder.write_all(
        lambda: folder.write_config(system.config),
        lambda: slam.map.save(folder.map_path(), slam.places.arrays() | slam.sensor_noise.arrays()),
        lambda: folder.write_frames(slam.records()),
        lambda: folder.write_online_trajectory(slam.online_trajectory()),
        lambda: folder.write_graph(slam.graph()),
        write_poses,
        lambda: folder.write_metrics(metrics),
    )


def _write_pieces(folder: RunFolder, system: System) -> None:
    """Write trajectory and mesh, those of the largest piece under the names that all know."""
    pieces = largest_first(system.slam.trajectory())
    trajectories = list(pieces.values()) or [Trajectory.empty()]
    folder.write_trajectory(trajectories[0])
    for number, trajectory in enumerate(trajectories[1:], start=2):
        folder.write_part(number, trajectory)
    drop_joined(folder.path, len(pieces))
    write_meshes(folder, system.slam.map.mesh(), list(pieces))


def write_meshes(folder: RunFolder, mesh: Mesh, pieces: Sequence[int]) -> None:
    """Write the mesh of a map whole, or of each of its pieces, the main one first, its own."""
    if len(pieces) < 2:
        folder.write_mesh(mesh)
        return
    for number, piece in enumerate(pieces, start=1):
        folder.write_mesh(surface_of(mesh, piece), number)


def system_metrics(session: Session, system: System) -> dict[str, Any]:
    """Return what one system did of a session."""
    slam, journal = system.slam, system.slam.journal
    num_frames = len(journal.earlier.records) + journal.num_frames
    num_lost = journal.count(TrackState.LOST)
    return {
        "map": system.config.map,
        "frames": num_frames,
        "tracked": num_frames - num_lost,
        "lost": num_lost,
        "weak": journal.count(TrackState.WEAK),
        "final_state": journal.last_state.value,
        "fps": journal.num_frames / session.wall_s if session.wall_s > 0 else 0.0,
        "polish_s": session.polish_s.get(system.name, 0.0),
        "tracking_ms": journal.tracking_times.summary(),
        "mapping_ms": journal.mapping_times.summary(),
        "latency_ms": journal.latencies.summary(),
        "unmapped": journal.num_unmapped,
        "outages": journal.num_outages,
        "recognised": slam.places.num_recognised,
        "keyframes": slam.places.num_keyframes,
        "loops": slam.loop_metrics(),
        "map_mb": slam.map.nbytes / 1e6,
        "refused_frames": slam.map.num_refused,
        "notes": _notes(session, system, num_lost / max(num_frames, 1)),
    }


def _notes(session: Session, system: System, lost_share: float) -> list[str]:
    """Return what a user should know who wonders at a run's results."""
    notes, bad = [], session.counts.bad
    journal = system.slam.journal
    if lost_share > NOTABLE_SHARE or journal.last_state is TrackState.LOST:
        notes += journal.troubles()
    loops = system.slam.loop_metrics()
    if loops.get("pieces", 1) > 1:
        notes.append(
            f"the track is in {loops['pieces']} pieces, of which no common place was seen: "
            "trajectory.txt and mesh.ply are of the largest, trajectory_2.txt, mesh_2.ply and so "
            "on of the others"
        )
    if loops.get("map_off_m", 0.0) > NOTABLE_OFFSET_M:
        notes.append(
            "loops moved the trajectory, but this kind of map cannot be moved: `slam rebuild` on "
            "the run's folder fuses the one that belongs to it"
        )
    if len(bad) > NOTABLE_SHARE * (len(bad) + session.counts.read):
        first = min(bad)
        notes.append(f"{len(bad)} frames were skipped, the first is frame {first}: {bad[first]}")
    return notes


def session_metrics(
    session: Session, source_spec: str, device: Device, warmup_s: float
) -> dict[str, Any]:
    """Return what all systems of a session share."""
    return {
        "source": source_spec,
        "dropped": session.counts.dropped,
        "bad_frames": len(session.counts.bad),
        "wall_s": session.wall_s,
        "warmup_s": warmup_s,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "device": device.description,
        "versions": versions(device),
    }


def versions(device: Device) -> dict[str, str]:
    """Return the versions that a figure depends on."""
    found = {"python": platform.python_version()}
    on_cuda = ("torch", "numba-cuda") if device.kind == "cuda" else ()
    for name in ("twinmap", "numpy", "numba", "opencv-python", *on_cuda):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


@contextmanager
def logged_to(folder: RunFolder) -> Iterator[None]:
    """Keep other runs out of a run's folder, and send the log to it, too."""
    with claimed(folder.path), _logged(folder):
        yield


@contextmanager
def _logged(folder: RunFolder) -> Iterator[None]:
    handler = folder.log_handler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
