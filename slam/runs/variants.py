"""What `--maps` names: kinds of maps, each with settings of its own where it has any."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from slam.config import Config
from slam.config_file import settings, with_settings
from slam.device import Device, DeviceChoice, resolve
from slam.errors import SlamError
from slam.maps.factory import KINDS

SHARED_BY_MAPS = ("tracking", "places", "loops", "fusion")  # what each system has


@dataclass(frozen=True)
class Variant:
    """A system of several: what it is called, as its folder is, and what it is made from."""

    name: str
    config: Config
    settings: Mapping[str, str] = field(default_factory=dict)  # those of its own


def variants_of(text: str, config: Config) -> list[Variant]:
    """Return what entries such as `tsdf` and `neural:neural.rays=512:tracking.photometric=no`,
    separated by commas, make of a config that they share.
    """
    variants = [_variant(entry.strip(), config) for entry in text.split(",")]
    names = [variant.name for variant in variants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SlamError(
            f"--maps {text}: {twice} is there twice; another setting makes it another one: "
            f"{variants[names.index(twice)].config.map}:SECTION.FIELD=VALUE"
        )
    return variants


def shared_device(choice: DeviceChoice, variants: Sequence[Variant]) -> Device:
    """Return the device on which all of them run: `resolve` for several configs."""
    devices = [resolve(choice, each.config, [each.config.map]) for each in variants]
    return next((device for device in devices if device.kind == "cpu"), devices[0])


def label(kind: str, own: Mapping[str, str]) -> str:
    """Return a name of a map with settings that a folder can have, as `neural-rays-512`."""
    parts = [kind]
    for name, value in own.items():
        short = name.removeprefix(f"{kind}.").replace("_", "-")
        parts.append(f"{short}-{value}")
    return folder_name("-".join(parts))


def folder_name(text: str) -> str:
    """Return a text with "_" for what the name of a folder should not hold."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)


def _variant(entry: str, config: Config) -> Variant:
    kind, *words = entry.split(":")
    if kind not in KINDS:
        raise SlamError(f"--maps: there is no map {kind!r}, only {', '.join(KINDS)}")
    own = dict(_setting(kind, word, entry) for word in words)
    return Variant(label(kind, own), replace(with_settings(config, own), map=kind), own)


def _setting(kind: str, word: str, entry: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    name = name.replace("-", "_")
    if not equals:
        raise SlamError(f"--maps {entry}: {word!r} is no SECTION.FIELD=VALUE")
    if name not in {setting.name for setting in settings()}:
        raise SlamError(f"--maps {entry}: there is no setting {name}; slam run --help all has all")
    section = name.partition(".")[0]
    if section not in (kind, *SHARED_BY_MAPS):
        known = ", ".join((kind, *SHARED_BY_MAPS))
        raise SlamError(f"--maps {entry}: {name} is no setting of this map alone, as of {known}")
    return name, value.strip()
