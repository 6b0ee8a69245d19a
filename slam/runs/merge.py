"""One map of several finished runs whose recordings overlap.

Frames of one run that another one's map bears out join the two in a pose graph, in which each run
is as stiff as its track; then all recordings are fused again, in the world of the first.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import radians
from pathlib import Path
from typing import Any

import numpy as np

from slam.device import Device
from slam.errors import SlamError
from slam.geometry import Transform, inverse, is_elsewhere
from slam.graph.pose_graph import Edge, Edges
from slam.graph.solver import solve
from slam.graph.track import NODE_M, NODE_RAD, Track
from slam.runs.folder import RunFolder
from slam.runs.metrics import logged_to, versions
from slam.runs.rebuild import Recording, figures, fuse, opened, write_fused
from slam.runs.replay import posed_records
from slam.runs.sightings import Sighting, sightings
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)
MIN_SIGHTINGS = 4  # that join two runs
FLOOR_M, FLOOR_RAD = 0.003, radians(0.1)  # of what a map may know of a pose


@dataclass(frozen=True)
class _Part:
    """A run in the graph of all: its nodes have these numbers, and are in the common world."""

    recording: Recording
    T_world_own: Transform
    track: Track
    first_node: int

    @property
    def end_node(self) -> int:
        return self.first_node + len(self.track.moments)


def merge(
    paths: Sequence[Path], out: Path, device: Device, begin: Callable[[int], Callable[[], None]]
) -> dict[str, Any]:
    """Make one map of finished runs; return the metrics of the new folder, which is a run's, with
    the trajectory of the first and that of each beside it. `begin` is that of `rebuild`.

    SlamError where a run shares no place with the others; then nothing is written.
    """
    if len({path.resolve() for path in paths}) < max(len(paths), 2):
        raise SlamError("give two or more different runs to merge")
    if out.resolve() in {path.resolve() for path in paths}:
        raise SlamError(f"{out} is one of the runs: give another --out")
    recordings = [opened(path) for path in paths]
    for recording in recordings:
        if recording.run.apart:
            num_left = sum(map(len, recording.run.apart))
            logger.warning(
                "%s is in pieces that never joined: only the largest is merged, %d frames are not",
                recording.path, num_left,
            )  # fmt: skip
    config = recordings[0].run.config
    parts, edges = _joined(recordings)
    _solve(parts, edges)
    moved = {part.recording.path: _moved(part) for part in parts}
    in_order = [moved[path] for path in paths]
    folder = RunFolder(out)
    with logged_to(folder):
        folder.begin()
        fused = fuse(in_order, config, device, begin)
        write_fused(folder, fused)
        folder.write_config(config)
        folder.write_trajectory(in_order[0].run.trajectory)
        for number, recording in enumerate(in_order, start=1):
            folder.write_part(number, recording.run.trajectory)
        metrics = {
            "source": recordings[0].run.metrics.get("source"),
            "map": config.map,
            "merged": [str(path.resolve()) for path in paths],
            "joined_by": len(edges),
            "frames": sum(len(recording.run.frames) for recording in in_order),
            "tracked": sum(len(recording.run.trajectory) for recording in in_order),
            **figures(fused),
            "device": device.description,
            "versions": versions(device),
        }
        folder.write_metrics(metrics)
    return metrics


def _joined(recordings: Sequence[Recording]) -> tuple[list[_Part], list[Edge]]:
    """Return the runs in the order in which they were found in each other, and what joins them."""
    parts = [_Part(recordings[0], np.eye(4), _track_of(recordings[0], np.eye(4)), 0)]
    edges: list[Edge] = []
    missing = list(recordings[1:])
    while missing:
        recording, seen = _next_joined(missing, parts)
        part, first = seen[0]
        T_world_own = part.T_world_own @ _middle(first).T_other_own
        track = _track_of(recording, T_world_own)
        new = _Part(recording, T_world_own, track, parts[-1].end_node)
        for other, found in seen:
            edges += [_edge(other, new, sighting) for sighting in found]
        parts.append(new)
        missing.remove(recording)
    return parts, edges


def _next_joined(
    missing: Sequence[Recording], parts: Sequence[_Part]
) -> tuple[Recording, list[tuple[_Part, list[Sighting]]]]:
    """Return a run that shares places with those that are joined, and the places."""
    for recording in missing:
        seen = [(part, sightings(recording, part.recording)) for part in parts]
        enough = [(part, found) for part, found in seen if len(found) >= MIN_SIGHTINGS]
        if enough:
            return recording, sorted(enough, key=lambda one: -len(one[1]))
    names = ", ".join(str(recording.path) for recording in missing)
    raise SlamError(f"no place of {names} was recognised in the others: nothing is merged")


def _track_of(recording: Recording, T_world_own: Transform) -> Track:
    """Return the nodes of a run's final trajectory."""
    track = Track()
    T_last: Transform | None = None
    for record, T_own_camera in posed_records(recording.run, recording.run.frames):
        T = T_world_own @ T_own_camera
        if T_last is None or is_elsewhere(T_last, T, NODE_M, NODE_RAD):
            track.add(record.index, record.timestamp_s, T, 0.0)
            T_last = T
    return track


def _middle(found: Sequence[Sighting]) -> Sighting:
    """Return the sighting that is nearest to all others, going by where it puts the last frame."""
    ends = np.array([(one.T_other_own @ found[-1].T_own_camera)[:3, 3] for one in found])
    distances_m = np.linalg.norm(ends[:, None] - ends, axis=2)
    return found[int(np.argmin(np.median(distances_m, axis=1)))]


def _edge(other: _Part, part: _Part, sighting: Sighting) -> Edge:
    """Join the node of a frame with the node of the other run that is nearest to it."""
    T_world_camera = other.T_world_own @ sighting.T_other_camera
    Ts = np.array(other.track.Ts_world_node)
    a = int(np.argmin(np.linalg.norm(Ts[:, :3, 3] - T_world_camera[:3, 3], axis=1)))
    indices = [moment.frame_index for moment in part.track.moments]
    b = max(int(np.searchsorted(indices, sighting.frame_index, side="right")) - 1, 0)
    T_node_camera = inverse(part.track.Ts_world_node[b]) @ part.T_world_own @ sighting.T_own_camera
    T_a_b = inverse(Ts[a]) @ T_world_camera @ inverse(T_node_camera)
    sigma_m = float(np.hypot(FLOOR_M, sighting.uncertainty_m))
    sigmas = np.repeat([sigma_m, sigma_m / FLOOR_M * FLOOR_RAD], 3)
    return Edge(other.first_node + a, part.first_node + b, T_a_b, np.diag(sigmas**-2.0))


def _solve(parts: Sequence[_Part], edges: Sequence[Edge]) -> None:
    """Move the nodes of all parts to where all edges have them."""
    Ts = [T for part in parts for T in part.track.Ts_world_node]
    odometry = [
        replace(edge, a=part.first_node + edge.a, b=part.first_node + edge.b)
        for part in parts
        for edge in part.track.odometry
    ]
    solution = solve(np.array(Ts), Edges.of(odometry), Edges.of(edges))
    logger.info("merge: %d of %d places join the runs", solution.is_kept.sum(), len(edges))
    for part in parts:
        part.track.solved(solution.Ts_world_node[part.first_node : part.end_node])


def _moved(part: _Part) -> Recording:
    """Return a run with its trajectory in the common world."""
    run = part.recording.run
    posed = list(posed_records(run, run.frames))
    indices = [record.index for record, _ in posed]
    Ts_world_camera = part.T_world_own @ np.array([T for _, T in posed])
    corrected = part.track.corrections().applied(indices, Ts_world_camera)
    stamps_s = np.array([record.timestamp_s for record, _ in posed], np.float64)
    return replace(part.recording, run=replace(run, trajectory=Trajectory(stamps_s, corrected)))
