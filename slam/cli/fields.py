"""The fields of the config as options: all that a command uses, none that it would ignore."""

import argparse
import difflib
import textwrap
from collections.abc import Collection, Sequence

from slam.config import Config
from slam.config_file import Setting, settings
from slam.errors import SlamError

# of fields that most people need: `--limit` for `--playback.limit`
SHORT_NAMES = {
    "playback.start": "start",
    "playback.limit": "limit",
    "playback.stride": "stride",
    "playback.pace": "pace",
    "noise.model": "noise",
    "synthetic.motion": "motion",
    "synthetic.frames": "frames",
    "neural.field": "field",
    "loops.enabled": "loops",
    "compare.track_against": "track-against",
}
UNITS = {
    "m": "m", "mb": "MB", "s": "s", "ms": "ms", "us": "us", "px": "pixels", "deg": "degrees",
    "hz": "Hz", "fps": "frames a second",
}  # fmt: skip
WIDTH = 100
INDENT = 4


def add_fields(parser: argparse.ArgumentParser, uses: Sequence[str]) -> None:
    """Take every field as an option; the help shows those with a short name that are used."""
    for setting in settings():
        long_name = setting.name.replace("_", "-")
        is_used = _is_used(setting, uses)
        short_name = SHORT_NAMES.get(setting.name) if setting.section else long_name
        names = [long_name]
        if is_used and short_name not in (None, long_name):
            names.append(short_name)
        for name in names:
            meaning = setting.meaning if is_used and name == short_name else argparse.SUPPRESS
            option, unset = f"--{name}", argparse.SUPPRESS
            if setting.type is bool and not setting.section:  # a flag; in a section: yes or no
                parser.add_argument(
                    option, dest=setting.name, action="store_const", const="true", default=unset,
                    help=meaning,
                )  # fmt: skip
            else:
                metavar = _metavar(setting)
                parser.add_argument(
                    option, dest=setting.name, metavar=metavar, default=unset, help=meaning
                )


def with_known_fields(words: Sequence[str]) -> list[str]:
    """Return words whose `--section.field` are spelled with dashes; raise for one that there is
    not.
    """
    known = {setting.name.replace("_", "-") for setting in settings()}
    spelled = []
    for word in words:
        name, equals, value = word.partition("=")
        if name.startswith("--") and "." in name:
            name = name.removeprefix("--").replace("_", "-")
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean --{near[0]}?" if near else "; slam run --help all shows all"
                raise SlamError(f"unknown option --{name}{hint}")
            word = f"--{name}{equals}{value}"
        spelled.append(word)
    return spelled


def given_fields(options: argparse.Namespace, command: str, uses: Sequence[str]) -> dict[str, str]:
    """Return the text of every field that was given; refuse one that the command would ignore."""
    fields = {s.name: s for s in settings() if hasattr(options, s.name)}
    for name, setting in fields.items():
        if not _is_used(setting, uses):
            raise SlamError(
                f"slam {command} does not use --{name.replace('_', '-')}, only {', '.join(uses)}"
            )
    return {name: getattr(options, name) for name in fields}


def require_noise(config: Config, given: Collection[str]) -> None:
    """Refuse options of noise that would not be added; `--noise none` switches all of them off."""
    model = config.noise.model
    for setting in settings():
        if setting.section != "noise" or setting.name not in given:
            continue
        is_other = setting.of not in ("", model)
        if (is_other and model != "none") or (
            "noise.model" not in given and (is_other or not config.noise.is_added)
        ):
            wanted = setting.of or "kinect, say"
            option = setting.name.replace("_", "-")
            raise SlamError(f"--{option} has no effect with --noise {model}: give --noise {wanted}")


def described(uses: Sequence[str]) -> str:
    """Return a line for every field that is used: default, meaning and unit."""
    lines, section = ["config fields, with their defaults:"], None
    for setting in settings():
        if not _is_used(setting, uses):
            continue
        if setting.section != section:
            section = setting.section
            lines.append("")
        unit = UNITS.get(setting.name.rpartition("_")[2])
        meaning = f"{setting.of}: {setting.meaning}" if setting.of else setting.meaning
        notes = [meaning, "|".join(setting.choices), f"[{unit}]" if unit else ""]
        head = f"  --{setting.name.replace('_', '-')} {_as_text(setting.default)}"
        lines += textwrap.wrap(
            "  ".join(filter(None, notes)), WIDTH, initial_indent=f"{head:<44}  ",
            subsequent_indent=46 * " ",
        )  # fmt: skip
    return "\n".join(lines)


def _is_used(setting: Setting, uses: Sequence[str]) -> bool:
    return setting.name in uses or setting.section in uses


def _as_text(value: object) -> str:
    """Return the text that means a value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value) or "''"


def _metavar(setting: Setting) -> str:
    if setting.choices:
        return "|".join(setting.choices)
    return "N" if setting.type is int else "VALUE"
