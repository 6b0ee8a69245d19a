"""The settings and versions of a report: what differs is shown, the rest is folded."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from slam.config import Config
from slam.config_file import dump_config
from slam.evaluation.systems import SystemRun
from slam.report.html import Cell, Table, preformatted, tables, unfolding
from slam.report.summary import NOTHING


def settings_html(systems: Sequence[SystemRun], colors: Sequence[str | None]) -> str:
    """Return the settings that are not everywhere the default, the versions, and all settings."""
    columns = [system.name if len(systems) > 1 else "this run" for system in systems]
    tabled = tables(
        [
            Table("Setting", ["default", *columns], _changed(systems), [None, *colors]),
            Table("Version", columns, _versions(systems), list(colors)),
        ]
    )
    whole = "".join(
        unfolding(f"All settings of {system.name}", preformatted(dump_config(system.run.config)))
        for system in systems
        if system.run is not None
    )
    return tabled + whole


def _changed(systems: Sequence[SystemRun]) -> list[tuple[str, list[Cell]]]:
    default = dict(_leaves(dataclasses.asdict(Config())))
    settings = [_settings(system) for system in systems]
    return [
        (name, [Cell(str(value)), *(Cell(str(each.get(name, NOTHING))) for each in settings)])
        for name, value in default.items()
        if any(each.get(name, value) != value for each in settings)
    ]


def _settings(system: SystemRun) -> dict[str, Any]:
    return {} if system.run is None else dict(_leaves(dataclasses.asdict(system.run.config)))


def _leaves(tree: dict[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{where}{name}.")
        else:
            yield where + name, value


def _versions(systems: Sequence[SystemRun]) -> list[tuple[str, list[Cell]]]:
    versions = [system.metrics.get("versions") or {} for system in systems]
    names = list(dict.fromkeys(name for each in versions for name in each))
    return [(name, [Cell(str(each.get(name, NOTHING))) for each in versions]) for name in names]
