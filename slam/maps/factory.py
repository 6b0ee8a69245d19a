"""The maps there are, and from a config or a file to one of them; nothing else names a map's
class.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from slam.camera import DepthNoise
from slam.config import Config, without_time_budget
from slam.device import DeviceKind
from slam.errors import SlamError
from slam.maps.base import Map
from slam.maps.map_file import opened_map_file
from slam.maps.neural.map import NeuralMap
from slam.maps.tsdf.map import TsdfMap


class ConfiguredMap(Map, Protocol):
    """A map that is made from the section of the config that is named like its kind."""

    config: Any

    def __init__(self, config: Any, depth_noise: DepthNoise) -> None:
        """Make an empty map."""
        ...

    @classmethod
    def load(cls, path: Path) -> "ConfiguredMap":
        """Read a map that `save` wrote."""
        ...


MapClass = type[ConfiguredMap]

# on the CPU, loaded with this module: those that do without torch
MAPS: dict[str, MapClass] = {"tsdf": TsdfMap, "neural": NeuralMap}
# all that there are; files, which are the same from any device, have the format "twinmap-" + kind
KINDS = (*MAPS, "implicit")

# what a run that goes on with a saved map sets anew; the rest of its section is in the file
SET_ANEW: dict[str, tuple[str, ...]] = {
    "tsdf": (),
    "neural": ("field", "budget_ms", "polish_s", "adjust_poses"),
    "implicit": ("steps", "budget_ms"),
}


def new_map(config: Config, depth_noise: DepthNoise, device: DeviceKind = "cpu") -> Map:
    """Make the empty map that the config names."""
    config = without_time_budget(config) if config.deterministic else config
    return class_of(config.map, device)(getattr(config, config.map), depth_noise)


def can_be_moved(kind: str, device: DeviceKind = "cpu") -> bool:
    """Whether `Map.correct` of a kind of map ever moves anything: not of networks without places
    in space, nor of features that are on a GPU.
    """
    return kind == "tsdf" or (kind == "neural" and device == "cpu")


def load_map(path: str | Path) -> Map:
    """Read a saved map, of the kind that its file names, to use it on the CPU."""
    path = Path(path)
    return class_of(kind_of(path)).load(path)


def resume_map(
    path: Path, config: Config, device: DeviceKind = "cpu", is_same_recording: bool = False
) -> tuple[Map, Config]:
    """Read a saved map, and return it with the config of a run that goes on with it.

    What the map is made of comes from its file; who trains it and how fast, from the config. Frames
    of another recording have the same indices as those that the map was made of: then what is there
    hangs on none of them.
    """
    kind = kind_of(path)
    map_ = class_of(kind, device).load(path)
    config = without_time_budget(config) if config.deterministic else config
    if kind in ("tsdf", "neural") and not is_same_recording:
        map_.forget_frames()
    if SET_ANEW[kind]:
        anew = {name: getattr(getattr(config, kind), name) for name in SET_ANEW[kind]}
        map_.config = replace(map_.config, **anew)
    return map_, replace(config, map=kind, **{kind: map_.config})


def arrays_beside(path: Path, prefix: str) -> dict[str, np.ndarray]:
    """Return what others keep in the file of a saved map, under names that begin like this."""
    with opened_map_file(path) as (_, arrays):
        return {name: arrays[name] for name in arrays if name.startswith(prefix)}


def class_of(kind: str, device: DeviceKind = "cpu") -> Any:
    """Return a MapClass, which the run-time type checks of tests cannot recognise. What a run does
    not need, torch above all, is not loaded.
    """
    if kind == "implicit":
        from slam.maps.implicit.map import CudaImplicitMap, ImplicitMap

        return ImplicitMap if device == "cpu" else CudaImplicitMap
    if device == "cpu":
        return MAPS[kind]
    if kind == "neural":
        from slam.maps.neural.cuda.map import CudaNeuralMap

        return CudaNeuralMap
    from slam.maps.tsdf.cuda.map import CudaTsdfMap

    return CudaTsdfMap


def kind_of(path: Path) -> str:
    """Return which of KINDS a saved map is; an error where it is none."""
    with opened_map_file(path) as (header, _):
        kind = str(header["format"]).removeprefix("twinmap-")
        if kind not in KINDS:
            known = ", ".join(f"twinmap-{name}" for name in KINDS)
            raise SlamError(f"it holds {header['format']}; this program reads {known}")
    return kind
