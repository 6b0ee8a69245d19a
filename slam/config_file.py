"""Configs from YAML files and from texts such as a command line's, strictly, and back."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from slam.config import Config
from slam.errors import SlamError

TRUE = ("true", "yes", "on")
FALSE = ("false", "no", "off")
NOTHING = ("none", "null", "")


@dataclass(frozen=True)
class Setting:
    """One value that can be set."""

    name: str  # with its section: tsdf.voxel_size_m
    type: Any
    default: Any
    meaning: str
    of: str  # the choice without which it has no meaning; empty: of none
    at_least: int | float | None  # of a number
    at_most: int | float | None  # None: as much as you like

    @property
    def section(self) -> str:
        """The name of its section; empty where it has none."""
        return self.name.rpartition(".")[0]

    @property
    def choices(self) -> tuple[str, ...]:
        """What it can be, if that is a short list."""
        return typing.get_args(self.type) if typing.get_origin(self.type) is Literal else ()


def settings(cls: type = Config, where: str = "") -> Iterator[Setting]:
    """Yield everything that can be set, in the order of the dataclasses."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name, hint = where + field.name, hints[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from settings(hint, name + ".")
        else:
            yield Setting(name, hint, field.default, **field.metadata)


def load_config(paths: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Config:
    """Merge YAML files left to right over the defaults, then `{"section.field": value}`, where a
    value may be its text.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        try:
            loaded = yaml.safe_load(Path(path).read_text())
        except OSError as error:
            raise SlamError(f"cannot read config {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SlamError(
                f"config {path} is not valid YAML: {' '.join(str(error).split())}"
            ) from error
        if loaded is not None and not isinstance(loaded, dict):
            raise SlamError(f"config {path} must hold sections, got {type(loaded).__name__}")
        _merge(tree, loaded or {})
    return _overridden(tree, overrides or {})


def with_settings(config: Config, overrides: Mapping[str, Any]) -> Config:
    """Return a config with some values set anew: `{"section.field": "value"}`."""
    return _overridden(dataclasses.asdict(config), overrides)


def value_of(config: Config, name: str) -> Any:
    """Return the value of a setting by its name with its section."""
    return functools.reduce(getattr, name.split("."), config)


def dump_config(config: Config) -> str:
    """Return the YAML text that loads to an equal config."""
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False)


def build(cls: type, values: Mapping[Any, Any], where: str = "") -> Any:
    """Build a dataclass from nested mappings; unknown keys and wrong types are errors with their
    dotted name.
    """
    hints = typing.get_type_hints(cls)
    unknown = [str(key) for key in values if key not in hints]
    if unknown:
        raise SlamError(f"unknown config key {where}{unknown[0]}; known here: {', '.join(hints)}")
    return cls(**{key: _convert(hints[key], value, where + key) for key, value in values.items()})


def _overridden(tree: dict[Any, Any], overrides: Mapping[str, Any]) -> Config:
    known = {setting.name: setting for setting in settings()} if overrides else {}
    for dotted, given in overrides.items():
        name = dotted.replace("-", "_")
        *sections, leaf = name.split(".")
        is_text = isinstance(given, str) and name in known
        value = _read(known[name].type, given, name) if is_text else given
        branch: dict[str, Any] = {leaf: value}
        for section in reversed(sections):
            branch = {section: branch}
        _merge(tree, branch)
    return build(Config, tree)


def _read(hint: Any, text: str, name: str) -> Any:
    """Return the value that a text means; one that means none is left for `build` to refuse."""
    word = text.strip().lower()
    if isinstance(hint, types.UnionType):  # X | None
        return None if word in NOTHING else _read(typing.get_args(hint)[0], text, name)
    if hint is bool and word in TRUE + FALSE:
        return word in TRUE
    if hint is int:
        try:
            return int(word)
        except ValueError:
            return text
    return text  # a string; and `_convert` reads floats, which some YAML texts are too


def _convert(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise SlamError(f"config {name} is a section, got {value!r}")
        return build(hint, value, name + ".")
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise SlamError(
                f"config {name} must be one of {', '.join(map(str, choices))}; got {value!r}"
            )
        return value
    if isinstance(hint, types.UnionType):  # X | None
        if value is None:
            return None
        return _convert(typing.get_args(hint)[0], value, name)
    if hint is float:
        return _to_float(value, name)
    if typing.get_origin(hint) is tuple:  # of numbers; rows of a matrix follow one another
        if not isinstance(value, list | tuple):
            raise SlamError(f"config {name} must be a list of numbers, got {value!r}")
        rows = (row if isinstance(row, list | tuple) else (row,) for row in value)
        return tuple(_to_float(number, name) for row in rows for number in row)
    if type(value) is not hint:
        expected = getattr(hint, "__name__", str(hint))
        raise SlamError(f"config {name} must be {expected}, got {value!r}")
    return value


def _to_float(value: Any, name: str) -> float:
    """Take ints, and strings such as 1e-3, which YAML 1.1 does not see as a number."""
    if not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isnan(number):
            return number
    raise SlamError(f"config {name} must be a number, got {repr(value)[:60]}")


def _merge(into: dict[Any, Any], values: Mapping[Any, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
