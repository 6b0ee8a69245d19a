"""What a system leaves: its files and its figures."""

import logging
import platform
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from slam.device import Device
from slam.runs.folder import RunFolder
from slam.runs.loop import Session, System


def write_results(folder: RunFolder, system: System, metrics: Mapping[str, Any]) -> None:
    """Write everything; what fails does not keep the rest from being written."""
    slam = system.slam
    folder.write_all(
        lambda: folder.write_config(system.config),
        lambda: folder.write_trajectory(slam.trajectory()),
        lambda: folder.write_online_trajectory(slam.online_trajectory()),
        lambda: folder.write_frames(slam.records()),
        lambda: folder.write_metrics(metrics),
        lambda: folder.write_mesh(slam.map.mesh()),
        lambda: slam.map.save(folder.map_path(), slam.places.arrays() | slam.sensor_noise.arrays()),
    )


def system_metrics(session: Session, system: System) -> dict[str, Any]:
    """Return what one system did of a session."""
    slam = system.slam
    num_frames = len(slam.tracking_times.values_ms)
    return {
        "map": system.name,
        "frames": num_frames,
        "tracked": num_frames - slam.num_lost,
        "lost": slam.num_lost,
        "weak": slam.num_weak,
        "final_state": slam.last_state.value,
        "fps": num_frames / session.wall_s,
        "tracking_ms": slam.tracking_times.summary(),
        "mapping_ms": slam.mapping_times.summary(),
        "latency_ms": slam.latencies.summary(),
        "unmapped": slam.num_unmapped,
        "outages": slam.num_outages,
        "recognised": slam.places.num_recognised,
        "keyframes": slam.places.num_keyframes,
        "map_mb": slam.map.nbytes / 1e6,
        "refused_frames": slam.map.num_refused,
    }


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
    """Send the log to the run folder too."""
    handler = folder.log_handler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
