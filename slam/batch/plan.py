"""What a batch has to do: its jobs, from what the user asks for."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from slam.batch.job import Job
from slam.config import Config
from slam.config_file import settings, with_settings
from slam.device import DeviceChoice
from slam.errors import SlamError
from slam.maps.factory import KINDS
from slam.runs.variants import folder_name, label, variants_of
from slam.sources.detect import absolute

# what a recording is taken from or with; everything else is of the method
OF_RECORDING = ("playback", "noise", "synthetic", "realsense", "ros")


def sweeps_of(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each setting of `a.b=1,2,3` and others."""
    known = {setting.name for setting in settings()}
    sweeps: dict[str, list[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        listed = [value.strip() for value in values.split(",")]
        if not equals or "" in listed:
            raise SlamError(f"--set {text}: give SECTION.FIELD=VALUE,VALUE")
        if name not in known:
            raise SlamError(f"--set {text}: there is no setting {name}: slam run --help all")
        if name == "map" or name.startswith("compare."):
            raise SlamError(f"--set {text}: {name} is not for batches; --maps names the maps")
        if name in sweeps or len(set(listed)) < len(listed):
            raise SlamError(f"--set {text}: {name} or one of its values is given twice")
        sweeps[name] = listed
    return sweeps


def plan(
    sources: Sequence[str],
    maps: str,
    sweeps: Mapping[str, Sequence[str]],
    repeats: int,
    config: Config,
    device: DeviceChoice = "auto",
) -> list[Job]:
    """Return all jobs, in the order in which they are to run: the repeats are outermost, so that a
    slow spell of the machine hits all alike.

    A setting of a map that is not the job's makes no difference, and so no further job.
    """
    if repeats < 1:
        raise SlamError(f"--repeat {repeats}: at least 1 run is needed")
    names = _source_names(sources)
    of_others = {*KINDS} - {variant.config.map for variant in variants_of(maps, config)}
    idle = next((name for name in sweeps if name.partition(".")[0] in of_others), None)
    if idle is not None:
        raise SlamError(f"--set {idle} has no effect: no map of --maps {maps} has it")
    combinations = [
        dict(zip(sweeps, values, strict=True)) for values in itertools.product(*sweeps.values())
    ]
    once: dict[tuple[str, str], Job] = {}
    for source, combination in itertools.product(sources, combinations):
        for variant in variants_of(maps, with_settings(config, combination)):
            kind = variant.config.map
            others = {name for name in combination if name.partition(".")[0] in {*KINDS} - {kind}}
            both = next((name for name in combination if name in variant.settings), None)
            if both is not None:
                raise SlamError(f"--set {both}: {variant.name} of --maps sets it, too")
            swept = {name: text for name, text in combination.items() if name not in others}
            of_recording = {n: t for n, t in swept.items() if n.partition(".")[0] in OF_RECORDING}
            of_method = {n: t for n, t in swept.items() if n not in of_recording}
            row = label(names[source], of_recording)
            column = label(kind, {**variant.settings, **of_method})
            own = with_settings(config, {"map": kind, **variant.settings, **swept})
            job = Job(absolute(source), own, row, column, 1, device, swept)
            if once.setdefault((row, column), job).config != own:
                raise SlamError(f"two different jobs would be called {row}/{column}")
    return [
        replace(job, repeat=repeat) for repeat in range(1, repeats + 1) for job in once.values()
    ]


def _source_names(sources: Sequence[str]) -> dict[str, str]:
    """Return a name for each source: as many last parts of its path as tell it from the others."""
    parts = {source: Path(absolute(source)).parts for source in sources}
    for source in sources:
        if source == "realsense":
            raise SlamError("realsense: a live camera cannot be run again; record it first")
        if sources.count(source) > 1:
            raise SlamError(f"{source} is given twice")
    for num_parts in range(1, max(map(len, parts.values())) + 1):
        names = {source: folder_name("_".join(parts[source][-num_parts:])) for source in sources}
        if len(set(names.values())) == len(names):
            return names
    raise SlamError(f"{', '.join(sources)}: two of them have the same name")
