"""A whole benchmark: decode, let the contenders run, put everything into one report."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slam.bench.contender import Contender, SlamContender
from slam.bench.machine import machine
from slam.bench.measure import Measurement, measure
from slam.bench.open3d_slam import Open3dContender
from slam.bench.statistics import ratios, summarise
from slam.config import Config
from slam.device import CPU, Device
from slam.errors import SlamError
from slam.maps.factory import KINDS
from slam.meshio import replaced_file
from slam.sources.base import Source
from slam.sources.playback import playback
from slam.trajectory import Trajectory

REFERENCE = "open3d"


def gather(
    maps: Sequence[str],
    config: Config,
    with_open3d: bool = True,
    open3d_limit: int | None = None,
    device: Device = CPU,
) -> tuple[list[Contender], dict[str, str]]:
    """Return who takes part, and who cannot and why."""
    unknown = [name for name in maps if name not in KINDS]
    if unknown or len(set(maps)) < len(maps):
        raise SlamError(f"--maps {','.join(maps)}: each once, of {', '.join(KINDS)}")
    if open3d_limit is not None and open3d_limit < 1:
        raise SlamError(f"--open3d-limit {open3d_limit}: at least 1 frame is needed")
    ours: list[Contender] = [SlamContender(name, config, device) for name in maps]
    if not with_open3d:
        return ours, {}
    try:
        return [Open3dContender(config, open3d_limit), *ours], {}
    except (ImportError, OSError) as error:  # OSError: one of its system libraries is missing
        return ours, {REFERENCE: " ".join(str(error).split())}


def bench(
    source: Source,
    truth: Trajectory | None,
    config: Config,
    contenders: Sequence[Contender],
    absent: Mapping[str, str],
    repeats: int,
    on_run: Callable[[str, Measurement], None],
    device: Device = CPU,
) -> dict[str, Any]:
    """Run everyone over the same frames in memory; the report holds what JSON can hold.

    `config.playback` says which frames; 300 of 640x480 take 0.6 GB. `truth` is for the scores only,
    and `device` for the record.
    """
    about_machine = machine()
    frames = list(playback(source, config.playback))
    runs = measure(contenders, frames, truth, repeats, on_run)
    summaries = {name: summarise(measurements) for name, measurements in runs.items()}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "source": source.name,
        "frames": len(frames),
        "image_size": [source.camera.width, source.camera.height],
        "repeats": repeats,
        "machine": about_machine,
        "device": device.description,
        "config": asdict(config),
        "contenders": {
            name: {
                "summary": summaries[name],
                "runs": [asdict(measurement) for measurement in measurements],
            }
            for name, measurements in runs.items()
        },
        "absent": dict(absent),
        "ratios": ratios(summaries, REFERENCE),
    }


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON; its folder is made."""
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SlamError(f"cannot create {path.parent}: {error.strerror}") from error
    with replaced_file(path) as file:
        file.write(text.encode("utf-8"))
